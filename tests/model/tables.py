"""The tables that the books are made of, and how a table is put back to what it was."""

NOTHING = object()

TABLES = (
    "merchants",  # merchant -> participants.Merchant
    "partners",  # partner -> {class: (units outside, points inside)}
    "suspended",  # merchant or partner that is suspended -> True
    "admissions",  # merchant that joined after the founding -> admission.Admission
    "epochs",  # first height of a validator set -> {merchant: (validator key, cosigner key)}
    "proposals",  # (merchant, reference) of the proposal -> proposals.Proposal
    "pairs",  # (from class, to class) -> terms of exchange of its own
    "caps",  # merchant or partner -> net debit cap, CNY; a partner's is zero
    "collateral",  # merchant or partner -> CNY
    "keys",  # (merchant, public key) -> Key
    "stores",  # (merchant, store) -> (redeem_limit_fen, refund_limit_fen)
    "members",  # address -> Member
    "classes",  # class -> PointClass
    "ended",  # closed class -> the class that its points become, or None
    "buy_outs",  # closed class -> when its holdings are next looked at
    "announced",  # class -> (anchor, effective_ms) that is to come
    "versions",  # version of the rate table, from 2 on -> rates.Version
    "calendar",  # day -> whether it is a business day
    "voices",  # kind and body of a joint act -> joint.Voices
    "references",  # (merchant, reference) -> Kept
    "holdings",  # (member, class) -> lots
    "owed",  # (member, class) -> owed points
    "counters",  # class -> Counters
    "live",  # (class, month) -> points in holdings that last through that month
    "used",  # what a limit or a grant was charged -> fen or points
    "holds",  # (merchant, reference) -> holds.Hold
    "sales",  # (merchant, reference of a redeem or capture) -> sales.Sale
    "purchases",  # (merchant, reference of an issue) -> sales.Purchase
    "imports",  # (partner, external reference) -> the reference it came under
    "debts",  # (merchant, reference) of what made one party owe another -> disputes.Debt
    "disputes",  # (merchant, reference) of what is disputed -> disputes.Dispute
    "gross",  # (cycle, debtor, creditor) -> settlement.Gross
    "payable",  # merchant -> CNY of the open cycle
    "receivable",  # merchant -> CNY of the open cycle
    "reserved",  # merchant -> CNY that open holds may come to cost it
    "unconfirmed",  # merchant -> CNY of legs it pays that are not confirmed
    "claims",  # merchant -> CNY that it owes the pool
    "contributions",  # (month, merchant) -> contributions.Contribution
    "distributions",  # month -> distribution.Distribution
    "referrals",  # (merchant referred to, member) -> referrals.Referral
    "carries",  # (low, high) -> CNY
    "statements",  # cycle -> closing.Statement
    "pair_nets",  # (cycle, low, high) -> closing.PairNet
    "legs",  # (cycle, number) -> legs.Leg
    "checkpoints",  # height -> checkpoints.Checkpoint
    "attestations",  # (height of a checkpoint, merchant) -> checkpoints.Attestation
    "anchors",  # (height of a checkpoint, hash of evidence) -> checkpoints.Place
)


class Table(dict):
    """A dictionary that notes each change in a journal shared by all tables."""

    def __init__(self, journal):
        super().__init__()
        self.journal = journal

    def __setitem__(self, key, value):
        self.journal.append((self, key, self.get(key, NOTHING)))
        super().__setitem__(key, value)

    def __delitem__(self, key):
        self.journal.append((self, key, self[key]))
        super().__delitem__(key)

    def put_back(self, key, value):
        """Undoes one change, without noting it."""
        if value is NOTHING:
            super().__delitem__(key)
        else:
            super().__setitem__(key, value)
