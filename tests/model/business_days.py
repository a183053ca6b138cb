"""Business days: which days are, and the end of the n-th one from a time on. rules.md, notation and section 6."""

import joint
import when

SATURDAY = 6


def is_business_day(books, day):
    """What the calendar says of a day; one that it does not name is a business day from Monday to Friday."""
    return books.calendar.get(day, by_weekday(day))


def by_weekday(day):
    """What a day is that nobody has said anything of."""
    return when.weekday_of(day) < SATURDAY


def after(books, time_ms, number):
    """The end of the n-th business day after the day of a time; with none, the end of that day itself."""
    day = when.day_of(time_ms, books.offset_minutes)
    while number:
        day += 1
        number -= is_business_day(books, day)
    return when.day_start(day + 1, books.offset_minutes)


def set_business_days(books, operation):
    """The merchants put days into the calendar, together."""
    voiced = joint.voice(books, operation)
    if voiced:
        return voiced
    for entry in operation.says["days"]:
        books.calendar[when.read_day(entry["day"])] = entry["is_business"]
    return "business_days_set"
