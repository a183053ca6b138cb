"""Days and months of the alliance, and the time that a reference carries.

Times are milliseconds since 1970-01-01T00:00Z. A day and a month are local: UTC plus the alliance's offset. Days count
from 1970-01-01, months from 1970-01. All periods are half-open.
"""

from datetime import date, timedelta
from uuid import UUID

HOUR = 3_600_000
DAY = 24 * HOUR
EPOCH = date(1970, 1, 1)


def day_of(time_ms, offset_minutes):
    """The local day of a time."""
    return (time_ms + offset_minutes * 60_000) // DAY


def day_start(day, offset_minutes):
    """The time at which a local day starts."""
    return day * DAY - offset_minutes * 60_000


def weekday_of(day):
    """The weekday of a day: 1 is Monday, 7 is Sunday."""
    return (EPOCH + timedelta(days=day)).isoweekday()


def month_of(time_ms, offset_minutes):
    """The local month of a time."""
    day = EPOCH + timedelta(days=day_of(time_ms, offset_minutes))
    return (day.year - 1970) * 12 + day.month - 1


def month_end(month, offset_minutes):
    """The time at which a local month has ended and the next one starts."""
    year, index = divmod(month + 1, 12)
    first_day = (date(1970 + year, index + 1, 1) - EPOCH).days
    return day_start(first_day, offset_minutes)


def write_day(day):
    """A day as "2017-01-27"."""
    return (EPOCH + timedelta(days=day)).isoformat()


def read_day(text):
    """A day from "2017-01-27"."""
    return (date.fromisoformat(text) - EPOCH).days


def write_month(month):
    """A month as "2017-03"."""
    return f"{1970 + month // 12:04}-{month % 12 + 1:02}"


def read_month(text):
    """A month from "2017-03"."""
    year, month = text.split("-")
    return (int(year) - 1970) * 12 + int(month) - 1


def reference_time(reference):
    """The time in a UUID of version 7: its first 48 bits."""
    return UUID(reference).int >> 80
