#!/usr/bin/env bash
# Exports the books of every merchant and partner of an archive, month by month and as a whole, and lets hledger
# (apt-get install hledger) work them out again: every journal for itself, and each merchant's months in a row. What it comes
# to is compared with the tables, the tables of the months with one another, and closing points with `tally verify`.
#
#   scripts/accounting_check.sh ARCHIVE GENESIS [OPTION...]      options of `tally accounting export`, such as --breakage
#
# Its last line is made for scripts:
#
#   accounting: merchants=N months=N hledger=ok mismatches=0
set -euo pipefail

(($# >= 2)) || { echo "usage: scripts/accounting_check.sh ARCHIVE GENESIS [OPTION...]" >&2; exit 2; }
for file in "$1" "$2"; do
  [[ -r "$file" ]] || { echo "accounting_check: $file cannot be read" >&2; exit 1; }
done
archive="$(realpath "$1")" genesis="$(realpath "$2")"
shift 2
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tally="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}/release/tally"
[[ -x "$tally" ]] || { echo "accounting_check: $tally is missing: make build" >&2; exit 1; }
command -v hledger >/dev/null || { echo "accounting_check: hledger is missing: apt-get install hledger" >&2; exit 1; }

work="$(mktemp -d "${TMPDIR:-/tmp}/tally-accounting.XXXXXX")"
trap 'rm -rf "$work"' EXIT
"$tally" --json verify "$archive" --genesis "$genesis" >"$work/verify.json"
# The founders, and whoever joined later: their nodes validate.
read -ra merchants < <(python3 -c 'import json, sys
genesis, report = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))["report"]
ids = {who["id"] for who in genesis["merchants"] + genesis.get("partners", [])}
ids |= {who["merchant"] for epoch in report["epochs"] for who in epoch["validators"]}
print(*(f"--merchant {number}" for number in sorted(ids)))' "$genesis" "$work/verify.json")

# The months twice: the same bytes, or the second export refuses to write over the first.
for _ in first second; do
  "$tally" --json accounting export "$archive" --genesis "$genesis" "${merchants[@]}" --every-month --out "$work/books" "$@" \
    >"$work/months.json"
done
"$tally" --json accounting export "$archive" --genesis "$genesis" "${merchants[@]}" --out "$work/whole" "$@" >"$work/whole.json"

checked=0
for journal in "$work"/books/*/*/journal.hledger "$work"/whole/*/*/journal.hledger; do
  hledger -f "$journal" check --strict || { echo "accounting_check: hledger refuses $journal" >&2; exit 1; }
  checked=$((checked + 1))
done
for merchant in "$work"/books/*; do
  cat "$merchant"/*/journal.hledger >"$merchant.journal"
  hledger -f "$merchant.journal" check --strict || { echo "accounting_check: hledger refuses the months of $merchant" >&2; exit 1; }
  checked=$((checked + 1))
done
echo "hledger accepts $checked journals"
python3 -B scripts/accounting_check.py "$work"
