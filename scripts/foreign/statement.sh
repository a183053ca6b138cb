#!/usr/bin/env bash
# The statement hash that lines lead to: SHA-256 over `tally/movement/v1` with a zero byte, the hash before, and the
# bytes of the line, each in turn. Lines come in hexadecimal, one a line; the hash to start with is 64 zeros at a
# holding's beginning.
#
#   lines() { python3 -c 'import json, sys; print(*json.load(sys.stdin)["fact"]["lines"], sep="\n")'; }
#   lines <statement.json | scripts/foreign/statement.sh HASH
set -euo pipefail

hash="$1"
while read -r line; do
  [[ "$hash$line" =~ ^([0-9a-f]{2})+$ ]] || { echo "statement: a line is not in hexadecimal" >&2; exit 1; }
  hash="$(printf '%b' "tally/movement/v1\\0000$(sed 's/../\\x&/g' <<<"$hash$line")" | sha256sum | cut -d' ' -f1)"
done
echo "$hash"
