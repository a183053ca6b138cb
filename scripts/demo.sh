#!/usr/bin/env bash
# `make demo`: four merchants, an airline, one year of purchases, one ledger.
#
# Builds, makes an alliance, runs its four nodes, replays the year of tests/data/ (docs/replay.md) and ends one node with
# kill -9 in the middle of it; then compares what the ledger reports with tests/year_check.py, exports the chain, verifies the
# export offline, flips one byte in it and sees that `verify` finds it. Its last line is made for scripts:
#
#   demo: ok operations=N blocks=N settlements=12 mismatches=0 verified=N lost=0 verified_per_second=N memory_mib=N
#
# The last two are of `tally verify` over the year: operations a second, and the most memory that it had (on Linux).
#
#   scripts/demo.sh               about a minute and a half after the build
#   scripts/demo.sh --keep [DIR]  leaves the alliance running and says how to talk to it; it is in DIR/net, DIR being new or
#                                 empty, or in a temporary directory
set -euo pipefail
from="$PWD"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() { echo "usage: scripts/demo.sh [--keep [DIR]]" >&2; exit 2; }

keep=false
case "${1:-}" in
  "") (($# == 0)) || usage ;;
  --keep) (($# <= 2)) && keep=true || usage ;;
  *) usage ;;
esac

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}"
# The node that crashes, and the interval (of 63) in which it does.
crash_merchant=3
crash_interval=31

say() { printf '\n== %s\n' "$*"; }
fail() { echo "demo: $*" >&2; exit 1; }
# The value of KEY in the last line of a file that holds `KEY=value`; nothing if none does.
value() { { grep -oE "(^| )$1=[^ ]+" "$2" || true; } | tail -n 1 | cut -d= -f2; }

# Where the nodes answer, and what to ask them.
examples() {
  python3 - "$net" "$CARGO_TARGET_DIR" <<'PYTHON'
import json
import sys

net = sys.argv[1]
nodes = json.load(open(f"{net}/alliance.json"))["nodes"]
for node in nodes:
    print(f"  {node['name']:<12} {node['api']}   token in {net}/merchant-{node['merchant']}/api.token")
api, merchant = nodes[0]["api"], nodes[0]["merchant"]
print(f"""
  export PATH="$CARGO_TARGET_DIR/release:$PATH"          # tally, tallyd
  ask() {{ curl -sS -H "Authorization: Bearer $(cat {net}/merchant-{merchant}/api.token)" "{api}$1"; echo; }}
  ask /v1/status
  ask /v1/classes
  ask /v1/settlements/2017-03
  ask '/v1/operations?merchant={merchant}&kind=redeem&limit=2'
  tally settlement --help
  tally network status --dir {net}
  tally network down --dir {net}""".replace("$CARGO_TARGET_DIR", sys.argv[2]))
PYTHON
}

if [[ -n "${2:-}" ]]; then
  work="$(cd "$from" && mkdir -p "$2" && cd "$2" && pwd)"
  [[ -z "$(ls -A "$work")" ]] || fail "$2 is not empty: nothing is overwritten"
else
  work="$(mktemp -d "${TMPDIR:-/tmp}/tally-demo.XXXXXX")"
fi
net="$work/net"
replay_pid=""

finish() {
  local status=$?
  trap - EXIT
  if [[ -n "$replay_pid" ]] && kill -0 "$replay_pid" 2>/dev/null; then kill "$replay_pid" || true; fi
  if $keep && ((status == 0)); then exit 0; fi
  if [[ -e "$net/alliance.json" ]]; then tally network down --dir "$net" >/dev/null 2>&1 || true; fi
  if ((status == 0)); then rm -rf "$work"; else echo "demo: failed; logs and reports stay in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "Building (a first build takes some twenty minutes on two cores, nearly all of it the storage engine)"
cargo build --release --locked --workspace
export PATH="$CARGO_TARGET_DIR/release:$PATH"

say "An alliance of four merchants, and an airline whose miles become points"
tally network init --demo --out "$net"
tally network up --detach --dir "$net"

say "Its year: 249,060 purchases, imports, disputes; merchant $crash_merchant's node is ended with kill -9 in interval $crash_interval"
# The independent account takes five seconds of one core and needs no ledger, so it is made meanwhile.
python3 tests/year_check.py --json "$work/expected.json" 2>"$work/limits.txt" &
expected_pid=$!
tally replay --dir "$net" --data tests/data --report "$work/report.json" \
  --kill-at "$crash_interval" --merchant "$crash_merchant" >"$work/replay.log" &
replay_pid=$!
wait "$replay_pid" || fail "the replay did not come through"
replay_pid=""
# Only now: a `tee` beside it would live on with the node that the replay started again, and with --keep never end.
cat "$work/replay.log"

say "The same year, worked out without the ledger"
wait "$expected_pid" || fail "tests/year_check.py: $(cat "$work/limits.txt")"
python3 tests/year_check.py --expected "$work/expected.json" --compare "$work/report.json" | tee "$work/compare.log"

say "The whole chain in one file, verified offline with nothing but the genesis"
tally export --dir "$net" --out "$work/chain.tally"
tally verify --genesis "$net/genesis.json" "$work/chain.tally" | tee "$work/verify.log"

say "One byte of it flipped"
python3 - "$work/chain.tally" "$work/flipped.tally" <<'PYTHON'
import sys
chain = bytearray(open(sys.argv[1], "rb").read())
chain[len(chain) // 2] ^= 0x01
open(sys.argv[2], "wb").write(chain)
print(f"byte {len(chain) // 2} of {len(chain)}")
PYTHON
status=0
tally verify --genesis "$net/genesis.json" "$work/flipped.tally" || status=$?
# 1 says that the archive is not right, 2 that verify could not look at it.
((status == 1)) || fail "verify of the flipped byte ended with $status instead of 1"

if $keep; then
  say "The alliance is still running"
  examples
fi

operations="$(value operations "$work/compare.log")"
mismatches="$(value mismatches "$work/compare.log")"
settlements="$(value settlements "$work/replay.log")"
lost="$(value lost "$work/replay.log")"
# Nodes attest checkpoints by themselves: those operations are verified on top of what was replayed.
verified=$(($(value operations "$work/verify.log") - $(value attestations "$work/verify.log")))
blocks="$(value blocks "$work/verify.log")"
line="operations=$operations blocks=$blocks settlements=$settlements mismatches=$mismatches verified=$verified lost=$lost"
verified_per_second="$(value operations_per_second "$work/verify.log")"
memory_bytes="$(value memory_peak_bytes "$work/verify.log")"
line+=" verified_per_second=$verified_per_second${memory_bytes:+ memory_mib=$((memory_bytes >> 20))}"
[[ "$settlements" == 12 && "$mismatches" == 0 && "$lost" == 0 && "$verified" == "$operations" ]] || fail "$line"
echo
echo "demo: ok $line"
