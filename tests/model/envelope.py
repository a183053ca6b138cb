"""Who may act: rules.md section 1, up to where an operation's own rules begin.

A transaction is judged by its time and its key, each of its operations by the key's roles and store and by the age of
its reference; then whether the reference is known. Nothing of that is kept. What the rules of the kind say after it is.
"""

import admin
import business_days
import checkpoints
import disputes
import exchange
import exits
import holds
import imports
import legs
import membership
import points
import proposals
import rates
import referrals
import reversals
import settlement
import splits
import when
from books import Kept
from rejections import NOT_KEPT, Rejected

OLDEST_REFERENCE = 90 * when.DAY
FURTHEST_REFERENCE = when.HOUR
LONGEST_VALIDITY = when.DAY

# kind -> (the role that may sign it, its rules)
KINDS = {
    "set_clock": ("clock", admin.set_clock),
    "create_class": ("governor", admin.create_class),
    "announce_anchor": ("governor", rates.announce_anchor),
    "set_business_days": ("governor", business_days.set_business_days),
    "set_collateral": ("governor", settlement.set_collateral),
    "add_key": ("governor", admin.add_key),
    "revoke_key": ("governor", admin.revoke_key),
    "rotate_key": ("governor", admin.rotate_key),
    "set_store_limits": ("governor", admin.set_store_limits),
    "enrol": ("acceptor", membership.enrol),
    "enrol_wallet": ("acceptor", membership.enrol_wallet),
    "register_wallet": ("acceptor", membership.register_wallet),
    "rotate_wallet": ("acceptor", membership.rotate_wallet),
    "recover_wallet": ("acceptor", membership.recover_wallet),
    "freeze": ("acceptor", membership.freeze),
    "unfreeze": ("acceptor", membership.unfreeze),
    "issue": ("issuer", points.issue),
    "transfer": ("acceptor", points.transfer),
    "redeem": ("acceptor", points.redeem),
    "hold": ("acceptor", holds.hold),
    "capture": ("acceptor", holds.capture),
    "void": ("acceptor", holds.void),
    "reverse_redeem": ("acceptor", reversals.reverse_redeem),
    "reverse_issue": ("issuer", reversals.reverse_issue),
    "exchange": ("acceptor", exchange.exchange),
    "split": ("acceptor", splits.split),
    "import": ("issuer", imports.import_points),
    "confirm_leg": ("treasurer", legs.confirm_leg),
    "report_payment": ("treasurer", legs.report_payment),
    "draw_collateral": ("governor", legs.draw_collateral),
    "open_dispute": ("treasurer", disputes.open_dispute),
    "answer_dispute": ("treasurer", disputes.answer_dispute),
    "decide_dispute": ("governor", disputes.decide_dispute),
    "propose": ("governor", proposals.propose),
    "vote": ("governor", proposals.vote),
    "depart": ("governor", exits.depart),
    "refer": ("acceptor", referrals.refer),
    "claim_referral": ("acceptor", referrals.claim_referral),
    "attest": ("acceptor", checkpoints.attest),
    "anchor": ("acceptor", checkpoints.anchor),
}


class Operation:
    """One operation as its rules see it: who submits it, under which reference, at which till, and what it says."""

    def __init__(self, merchant, index, fields):
        self.merchant = merchant
        self.index = index
        self.reference = fields["reference"]
        self.till = fields.get("till")
        self.body = fields["body"]
        ((self.kind, self.says),) = self.body.items()
        self.authorization = fields.get("authorization")

    @property
    def store(self):
        """The store of its till, if it names one."""
        return self.till["store_id"] if self.till else None


def execute(books, transaction, first_index):
    """Executes a transaction; gives the outcome of each of its operations."""
    merchant = transaction["merchant"]
    numbered = enumerate(transaction["operations"], first_index)
    operations = [Operation(merchant, index, fields) for index, fields in numbered]
    try:
        key = judge_transaction(books, transaction)
    except Rejected as rejection:
        return [{"rejected": rejection.name} for _ in operations]
    if transaction["atomic"]:
        return execute_atomic(books, key, operations)
    return [execute_one(books, key, operation) for operation in operations]


def judge_transaction(books, transaction):
    """The transaction's time and key. A key counts as it stood at the end of the block before."""
    if transaction["valid_until_ms"] < books.now:
        raise Rejected("expired")
    if transaction["valid_until_ms"] > books.now + LONGEST_VALIDITY:
        raise Rejected("valid_until_too_far")
    if transaction["merchant"] in books.departed_before:
        raise Rejected("departed")
    key = books.keys_before.get((transaction["merchant"], transaction["public_key"]))
    if key is None:
        raise Rejected("unknown_key")
    if key.revoked:
        raise Rejected("key_revoked")
    return key


def judge_operation(books, key, operation):
    """Role, store and reference; gives what is kept under the reference, if it is known with the same till and body."""
    role, _ = KINDS[operation.kind]
    if role not in key.roles:
        raise Rejected("role_missing")
    if key.store is not None and operation.store != key.store:
        raise Rejected("wrong_store")
    time = when.reference_time(operation.reference)
    if time < books.now - OLDEST_REFERENCE:
        raise Rejected("reference_too_old")
    if time > books.now + FURTHEST_REFERENCE and not books.simulated:
        raise Rejected("reference_ahead")
    kept = books.references.get((operation.merchant, operation.reference))
    if kept is not None and (kept.till, kept.body) != (operation.till, operation.body):
        raise Rejected("reference_reused")
    return kept


def execute_one(books, key, operation):
    """Executes an operation that stands for itself."""
    try:
        kept = judge_operation(books, key, operation)
        return duplicate(kept) if kept else apply(books, operation)
    except Rejected as rejection:
        return {"rejected": rejection.name}


def apply(books, operation):
    """Applies the rules of the kind; a rejection leaves nothing behind but, where it is kept, itself."""
    _, rules = KINDS[operation.kind]
    mark = books.mark()
    books.operation = operation.index
    try:
        outcome = {"applied": rules(books, operation)}
    except Rejected as rejection:
        books.undo(mark)
        if rejection.name in NOT_KEPT:
            raise
        outcome = {"rejected": rejection.name}
    place = books.height, operation.index, "applied" in outcome
    books.references[operation.merchant, operation.reference] = Kept(operation.till, operation.body, *place)
    return outcome


def duplicate(kept):
    """The answer to an operation that is known: where its first receipt stands."""
    return {"duplicate": {"height": kept.height, "index": kept.index}}


def execute_atomic(books, key, operations):
    """All operations succeed, or nothing is kept and the cause stands at the operation that failed."""
    known = []
    for place, operation in enumerate(operations):
        try:
            known.append(judge_operation(books, key, operation))
        except Rejected as rejection:
            return aborted(operations, place, rejection.name)
    if all(known):
        return [duplicate(kept) for kept in known]
    if any(known):
        return [{"rejected": "atomic_mixed"} for _ in operations]
    return all_or_none(books, key, operations)


def all_or_none(books, key, operations):
    """Applies new operations together; a reference that occurs twice is new for the first operation only."""
    mark = books.mark()
    outcomes = []
    for place, operation in enumerate(operations):
        try:
            known = judge_operation(books, key, operation)
            outcome = {"rejected": "atomic_mixed"} if known else apply(books, operation)
        except Rejected as rejection:
            outcome = {"rejected": rejection.name}
        if "rejected" in outcome:
            books.undo(mark)
            return aborted(operations, place, outcome["rejected"])
        outcomes.append(outcome)
    return outcomes


def aborted(operations, place, cause):
    """The outcomes of an atomic transaction of which one operation failed."""
    names = [cause if at == place else "atomic_aborted" for at in range(len(operations))]
    return [{"rejected": name} for name in names]
