"""Reads the records of a closed settlement cycle by the fixed places of docs/formats.md (section 13), and compares them
with what the ledger reports (`tally --json settlement show`). All integers are little-endian."""
import notes

STATEMENT, LEG = b"\2\0\0\0", b"\3\0\0\0"
LEG_STATES = {1: "open", 2: "confirmed", 3: "drawn"}


def number(data):
    """An unsigned integer."""
    return int.from_bytes(data, "little")


def month(data):
    """Months since 1970-01, as text."""
    return f"{1970 + number(data) // 12}-{number(data) % 12 + 1:02}"


def read_statement(leaf):
    """Tag 4, cycle 2, height 8, time_ms 8, positions (8, then merchant 2 and net_fen i64 8 each), legs 2."""
    if leaf[:4] != STATEMENT:
        notes.refused("the record is no statement of a cycle")
    count = number(leaf[22:30])
    if len(leaf) != 32 + 10 * count:
        notes.refused("the statement has another length")
    rows = [leaf[at:at + 10] for at in range(30, 30 + 10 * count, 10)]
    positions = {number(row[:2]): int.from_bytes(row[2:], "little", signed=True) for row in rows}
    cycle, height, time_ms = month(leaf[4:6]), number(leaf[6:14]), number(leaf[14:22])
    return {"cycle": cycle, "height": height, "time_ms": time_ms, "positions": positions, "legs": number(leaf[-2:])}


def read_leg(leaf):
    """Tag 4, cycle 2, number 2, payer 2, payee 2, amount_fen 8, due_ms 8, deadline_ms 8, bank_reference (1, or 1 and a
    text of a length 8), is_escalated 1, state 4 (and height 8)."""
    if leaf[:4] != LEG:
        notes.refused("the record is no leg")
    reference = 1 + 8 + number(leaf[37:45]) if leaf[36] else 1
    rest = leaf[36 + reference:]
    return {
        "cycle": month(leaf[4:6]), "leg": number(leaf[6:8]), "payer": number(leaf[8:10]), "payee": number(leaf[10:12]),
        "amount_fen": number(leaf[12:20]), "due_ms": number(leaf[20:28]), "deadline_ms": number(leaf[28:36]),
        "is_escalated": bool(rest[0]), "state": LEG_STATES[number(rest[1:5])],
    }


def read(statement, legs):
    """A cycle's statement with all its legs, in order; what is owed is what is received."""
    cycle = read_statement(statement)
    legs = [read_leg(leaf) for leaf in legs]
    if [(leg["cycle"], leg["leg"]) for leg in legs] != [(cycle["cycle"], at) for at in range(cycle["legs"])]:
        notes.refused("these are not the legs of the cycle")
    for merchant, net in cycle["positions"].items():
        paid = sum(leg["amount_fen"] for leg in legs if leg["payer"] == merchant)
        received = sum(leg["amount_fen"] for leg in legs if leg["payee"] == merchant)
        if received - paid != net:
            notes.refused(f"the legs do not bring merchant {merchant} its net position")
    return {**cycle, "legs": legs}


def compare(proved, reported):
    """What is proved is what the ledger reports."""
    assert proved["cycle"] == reported["cycle"], reported["cycle"]
    assert (proved["height"], proved["time_ms"]) == (reported["closed_at_height"], reported["closed_at_ms"])
    positions = {row["merchant"]: int(row["net_fen"]) for row in reported["positions"]}
    assert proved["positions"] == positions, (proved["positions"], positions)
    for leg, shown in zip(proved["legs"], reported["legs"], strict=True):
        state = shown["state"] if isinstance(shown["state"], str) else next(iter(shown["state"]))
        said = {**shown, "amount_fen": int(shown["amount_fen"]), "state": state, "cycle": proved["cycle"]}
        assert leg == {key: said[key] for key in leg}, (leg, shown)
