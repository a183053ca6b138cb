#!/usr/bin/env bash
# `make alliance-check`: governing the alliance in all its parts. The rules twice over random histories (scripts/model.sh); the
# demo year, and the books that every merchant and the partner draw up from it, worked out again by hledger
# (scripts/accounting_check.sh); and a fifth merchant that joins four running nodes and leaves them again under load
# (tests/tests/join.rs). Its last line is made for scripts:
#
#   alliance: mismatches=0 hledger=ok joins=1 leaves=1 missed_acks=0
#
# mismatches are those of the histories, of the year and of the books together.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

check=alliance
source scripts/check_lib.sh

run_model_and_demo

say "Its books, drawn up by every merchant and the partner"
"$tally" export --dir "$work/demo/net" --out "$work/year.tally"
scripts/accounting_check.sh "$work/year.tally" "$work/demo/net/genesis.json" | tee "$work/accounting.log"

say "A fifth merchant joins, and leaves again"
cargo test --release --workspace --locked --test join -- --nocapture | tee "$work/join.log"

model="$(value mismatches model)" || fail "the model gave no result"
year="$(value mismatches demo)" || fail "the demo gave no result"
books="$(value mismatches accounting)" || fail "the books gave no result"
hledger="$(value hledger accounting)" || fail "the books gave no result"
joins="$(value joins join)" || fail "nobody joined"
leaves="$(value leaves join)" || fail "nobody left"
missed="$(value missed_acks join)" || fail "nothing is known of what was acknowledged"
line="mismatches=$((model + year + books)) hledger=$hledger joins=$joins leaves=$leaves missed_acks=$missed"
[[ "$line" == "mismatches=0 hledger=ok joins=1 leaves=1 missed_acks=0" ]] || fail "$line"
echo
echo "alliance: $line"
