"""The rules that an operation can break, by name, and which of them are remembered.

An operation that breaks a rule of its kind is *kept*: the same operation sent again is a duplicate of the rejection.
What is judged before the kind's own rules is not kept, and may be sent again (docs/formats.md, section 8).
"""

NOT_KEPT = {
    "expired",
    "valid_until_too_far",
    "unknown_key",
    "key_revoked",
    "role_missing",
    "wrong_store",
    "reference_too_old",
    "reference_ahead",
    "reference_reused",
    "atomic_mixed",
    "atomic_aborted",
    "clock_backwards",
    "departed",
}


class Rejected(Exception):
    """An operation broke the rule of this name."""

    def __init__(self, name):
        super().__init__(name)
        self.name = name
