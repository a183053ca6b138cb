"""Laying the model's answers beside the contracts': every receipt, every due record, every movement, every dump."""

from when import write_month

SHOWN = 20


class Differences:
    """Counts what differs and prints the first of it: where, which field, and what each side says."""

    def __init__(self):
        self.count = 0

    def note(self, place, field, theirs, ours):
        """Notes one difference."""
        self.count += 1
        if self.count <= SHOWN:
            print(f"mismatch at {place}, {field}: the contracts say {theirs!r}, the model says {ours!r}")

    def compare(self, place, field, theirs, ours):
        """Compares two values field by field."""
        if isinstance(theirs, dict) and isinstance(ours, dict):
            for name in sorted(theirs.keys() | ours.keys()):
                self.compare(place, f"{field}.{name}" if field else name, theirs.get(name), ours.get(name))
        elif theirs != ours:
            self.note(place, field, theirs, ours)

    def compare_lists(self, place, field, theirs, ours):
        """Compares two lists item by item; one item too many is one difference."""
        for at in range(max(len(theirs), len(ours))):
            their_item = theirs[at] if at < len(theirs) else None
            our_item = ours[at] if at < len(ours) else None
            self.compare(place, f"{field}[{at}]", their_item, our_item)


def by_holding(movements):
    """Movements grouped by holding, in order."""
    grouped = {}
    for movement in movements:
        grouped.setdefault(f"{movement['member']}/{movement['class']}", []).append(movement)
    return grouped


def write_movement(movement):
    """A movement of the model as the history writes it."""
    return {
        "member": movement.member,
        "class": movement.point_class,
        "operation": movement.operation,
        "delta": str(movement.delta),
        "reason": movement.reason,
        "lots": [{"expires": write_month(month), "points": str(points)} for month, points in movement.lots],
    }


def compare_movements(differences, height, theirs, ours):
    """Compares the movements of a block, holding by holding."""
    theirs, ours = by_holding(theirs), by_holding([write_movement(movement) for movement in ours])
    for name in sorted(theirs.keys() | ours.keys()):
        place = f"block {height}, holding {name}"
        differences.compare_lists(place, "movements", theirs.get(name, []), ours.get(name, []))
