"""What a history must contain to mean anything: every kind, applied, and every rejection that a kind can meet.

The lists are those of docs/rules.md. Where a rule stands under a kind that can no longer break it (a transfer cannot
make more points than there are), it is not listed under that kind.
"""

ENVELOPE = ["expired", "valid_until_too_far", "departed", "unknown_key", "key_revoked", "role_missing"]
ENVELOPE += ["wrong_store"]
REFERENCE = ["reference_too_old", "reference_ahead", "reference_reused", "atomic_mixed", "atomic_aborted"]
ANYONE = ENVELOPE + REFERENCE

WALLET = ["authorization_chain", "authorization_acceptor", "authorization_expired", "wrong_wallet_key"]
GRANT = ["grant_member", "grant_class", "grant_acceptor", "grant_expired", "grant_too_long"]
WORD = ["authorization_required", "foreign_custodian"]
LIMITS = ["grant_exhausted", "custodian_member_limit", "custodian_limit", "no_consent_limit", "store_redeem_limit"]

SPENDING = ["unknown_class", "class_closed", "merchant_leaving", "unknown_member", "not_accepted", "outside_industry"]
SPENDING += ["holder_not_permitted", "member_frozen"] + WALLET + GRANT
SPENDING += ["amount_zero", "overflow", "insufficient_points", "below_one_fen"]
SPENDING += LIMITS + ["net_debit_cap"]
HOLD_ENDED = ["unknown_hold", "hold_captured", "hold_voided", "hold_timed_out"]
ORIGINAL = ["unknown_original", "not_reversible", "refund_too_late", "amount_zero", "above_original"]
ORIGINAL += ["class_closed", "store_refund_limit"]

ISSUING = ["class_closed", "merchant_suspended", "merchant_leaving"]
CHANGING_CLASS = ["unknown_class", *ISSUING, "unknown_member", "holder_not_permitted", "member_frozen"] + WALLET + WORD
CHANGING_CLASS += ["amount_zero", "insufficient_points", "overflow", "below_min_out"]
VOICE = ["merchant_suspended", "wrong_party", "voiced_already"]

CHANGE = ["change_superseded", "parameters_out_of_bounds", "unknown_class", "class_closed", "class_out_of_bounds"]
CHANGE += ["unknown_merchant", "scope_narrowed", "same_party", "merchant_gone", "merchant_exists", "key_exists"]
CHANGE += ["below_criteria", "not_attested", "last_merchant", "not_suspended", "merchant_leaving", "not_exchangeable"]

RULES = {
    "set_clock": ["clock_backwards"],
    "create_class": ["wrong_party", "merchant_suspended", "merchant_leaving", "class_exists",]
    + ["class_out_of_bounds", "unknown_merchant", "no_such_split", "yields_more"],
    "announce_anchor": ["unknown_class", "class_closed", "wrong_party", "class_out_of_bounds"]
    + ["anchor_unchanged", "anchor_pending", "notice_too_short", "notice_too_long"],
    "set_business_days": VOICE,
    "set_collateral": ["unknown_merchant", "overflow", "net_debit_cap"] + VOICE,
    "add_key": ["wrong_party", "key_exists"],
    "revoke_key": ["unknown_operator_key", "key_already_revoked", "last_governor_key"],
    "rotate_key": ["unknown_operator_key", "key_already_revoked", "key_exists"],
    "set_store_limits": [],
    "enrol": ["merchant_leaving", "member_exists"],
    "enrol_wallet": ["merchant_leaving"] + WALLET + ["member_exists"],
    "register_wallet": ["unknown_member", "foreign_custodian", "wallet_exists"] + WALLET,
    "rotate_wallet": ["unknown_member", "wallet_missing", "member_frozen"] + WALLET + ["same_party"],
    "recover_wallet": ["unknown_member", "foreign_custodian", "wallet_missing", "same_party"],
    "freeze": ["unknown_member", "foreign_custodian", "member_frozen"],
    "unfreeze": ["unknown_member", "foreign_custodian", "member_not_frozen"],
    "issue": ["unknown_class", "wrong_party", "unknown_member", "holder_not_permitted", "overflow", "amount_zero"]
    + ISSUING,
    "transfer": ["unknown_class", "class_closed", "unknown_member", "holder_not_permitted", "member_frozen"]
    + WALLET
    + WORD
    + ["amount_zero", "same_party", "insufficient_points"],
    "redeem": SPENDING,
    "hold": SPENDING + ["hold_period"],
    "capture": HOLD_ENDED + ["amount_zero", "above_hold", "below_one_fen", "overflow"],
    "void": HOLD_ENDED,
    "reverse_redeem": ORIGINAL + ["disputed", "overflow", "net_debit_cap"],
    "reverse_issue": ORIGINAL,
    "exchange": CHANGING_CLASS
    + ["same_party", "not_exchangeable", "stale_quote", "below_min_lot"]
    + ["exchange_member_limit", "exchange_pair_limit", "custodian_member_limit", "custodian_limit", "net_debit_cap"],
    "split": CHANGING_CLASS + ["no_such_split", "yields_more"],
    "import": ["wrong_party", *ISSUING, "unknown_class", "unknown_ratio", "unknown_member", "holder_not_permitted"]
    + ["amount_zero", "import_reused", "overflow", "below_min_out", "not_prefunded"],
    "confirm_leg": ["unknown_leg", "wrong_party", "leg_confirmed", "leg_amount"],
    "report_payment": ["unknown_leg", "wrong_party", "leg_confirmed", "payment_reported"],
    "draw_collateral": ["unknown_leg", "leg_confirmed", "leg_not_escalated", "collateral_short"] + VOICE,
    "open_dispute": ["unknown_original", "not_disputable", "wrong_party", "dispute_exists", "dispute_late"]
    + ["dispute_unbalanced", "merchant_gone"],
    "answer_dispute": ["unknown_dispute", "wrong_party", "dispute_closed", "overflow", "net_debit_cap"],
    "decide_dispute": ["unknown_dispute", "dispute_not_contested", "overflow"] + VOICE,
    "propose": ["merchant_suspended", "wrong_party", "change_pending", *CHANGE, "notice_too_short", "notice_too_long"],
    "vote": ["unknown_proposal", "voting_closed", *VOICE, "change_pending", "change_superseded"],
    "depart": ["unknown_merchant", "wrong_party", "not_leaving", "run_off_running", "merchant_gone", "positions_open"],
    "refer": ["unknown_member", "foreign_custodian", "unknown_merchant", "merchant_gone", "same_party"]
    + ["referral_exists"],
    "claim_referral": ["unknown_referral", "wrong_party", "referral_converted", "unknown_original", "not_converting"],
    "attest": ["unknown_checkpoint", "not_validating", "attested_already", "wrong_attestation"],
    "anchor": ["unknown_checkpoint", "checkpoint_not_final", "anchored_already"],
}

DUE = ["closed", "lapsed", "swept", "timed_out", "anchor_changed", "leg_escalated", "dispute_timed_out"]
DUE += ["distributed", "wound_up", "change_activated", "bought_out"]
