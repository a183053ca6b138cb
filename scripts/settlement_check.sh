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

check=settlement
source scripts/check_lib.sh

run_model_and_demo

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
