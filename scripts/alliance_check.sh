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

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}"
tally="$CARGO_TARGET_DIR/release/tally"

say() { printf '\n== %s\n' "$*"; }
fail() { echo "alliance_check: $*" >&2; exit 1; }
# The value of KEY in the last line of a log that begins with WORD.
value() { grep -E "^$2: " "$work/$2.log" | tail -n 1 | grep -oE "(^| )$1=[^ ]+" | cut -d= -f2; }

work="$(mktemp -d "${TMPDIR:-/tmp}/tally-alliance.XXXXXX")"
finish() {
  local status=$?
  trap - EXIT
  # The demo ends what it started itself if it fails.
  if [[ -e "$work/demo/net/alliance.json" ]]; then "$tally" network down --dir "$work/demo/net" >/dev/null 2>&1 || true; fi
  if ((status == 0)); then rm -rf "$work"; else echo "alliance_check: failed; logs stay in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "The rules, executed twice over random histories"
scripts/model.sh | tee "$work/model.log"

say "The demo year"
scripts/demo.sh --keep "$work/demo" | tee "$work/demo.log"

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
