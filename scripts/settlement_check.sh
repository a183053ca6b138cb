#!/usr/bin/env bash
# `make settlement-check`: settlement in all three ways. The rules twice over random histories (scripts/model.sh); the demo
# year, compared with its independent account (scripts/demo.sh); and of that year every cycle of every merchant and partner
# as finance files, judged by other people's tools (scripts/settlement_files.sh). Its last line is made for scripts:
#
#   settlement: operations=N mismatches=0 hledger=ok camt=ok pain=ok
#
# operations are those of the random histories, mismatches those of the histories and of the year together.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}"
tally="$CARGO_TARGET_DIR/release/tally"

say() { printf '\n== %s\n' "$*"; }
fail() { echo "settlement_check: $*" >&2; exit 1; }
# The value of KEY in the last line of a log, which begins with WORD.
value() { tail -n 1 "$work/$2.log" | grep -E "^$2: " | grep -oE "(^| )$1=[^ ]+" | cut -d= -f2; }

work="$(mktemp -d "${TMPDIR:-/tmp}/tally-settlement.XXXXXX")"
finish() {
  local status=$?
  trap - EXIT
  # The demo ends what it started itself if it fails.
  if [[ -e "$work/demo/net/alliance.json" ]]; then "$tally" network down --dir "$work/demo/net" >/dev/null 2>&1 || true; fi
  if ((status == 0)); then rm -rf "$work"; else echo "settlement_check: failed; logs stay in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "The rules, executed twice over random histories"
scripts/model.sh | tee "$work/model.log"

say "The demo year"
scripts/demo.sh --keep "$work/demo" | tee "$work/demo.log"

say "Its settlements as finance files"
scripts/settlement_files.sh "$work/demo/net" | tee "$work/files.log"

operations="$(value operations model)" || fail "the model gave no result"
model="$(value mismatches model)" || fail "the model gave no result"
year="$(value mismatches demo)" || fail "the demo gave no result"
hledger="$(value hledger files)" || fail "the finance files gave no result"
camt="$(value camt files)" || fail "the finance files gave no result"
pain="$(value pain files)" || fail "the finance files gave no result"
line="operations=$operations mismatches=$((model + year)) hledger=$hledger camt=$camt pain=$pain"
[[ "$line" == *" mismatches=0 hledger=ok camt=ok pain=ok" ]] || fail "$line"
echo
echo "settlement: $line"
