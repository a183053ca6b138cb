#!/usr/bin/env bash
# Exports every closed cycle of a running local alliance, for every merchant and partner, and checks the files with other people's
# tools: ISO's schemas, hledger (scripts/settlement_files.py says what is compared). Each export is made twice, the
# second time at another node: the bytes must be the same.
#
#   scripts/settlement_files.sh NET          NET: the directory of `tally network init`, its nodes up
set -euo pipefail

(($# == 1)) || { echo "usage: scripts/settlement_files.sh NET" >&2; exit 2; }
[[ -e "$1/alliance.json" ]] || { echo "settlement_files: $1 holds no local alliance: tally network init" >&2; exit 1; }
net="$(cd "$1" && pwd)"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}"
tally="$target/release/tally"
venv="$target/settlement-files-venv"

[[ -x "$tally" ]] || { echo "settlement_files: $tally is missing: make build" >&2; exit 1; }
# The packages are those that the checker itself names.
read -ra packages < <(python3 -c 'import sys; sys.path.insert(0, "scripts"); sys.dont_write_bytecode = True
import settlement_files; print(*settlement_files.PACKAGES)')
if [[ "$(cat "$venv/packages" 2>/dev/null)" != "${packages[*]}" ]]; then
  rm -rf "$venv"
  python3 -m venv "$venv" || { echo "settlement_files: no venv: apt-get install python3-venv" >&2; exit 1; }
  "$venv/bin/pip" install --quiet --no-deps "${packages[@]}"
  echo "${packages[*]}" >"$venv/packages"
fi

work="$(mktemp -d "${TMPDIR:-/tmp}/tally-files.XXXXXX")"
trap 'rm -rf "$work"' EXIT
mkdir "$work/api"
read -ra participants < <(python3 -c 'import json, sys
genesis = json.load(open(sys.argv[1]))
print(*(who["id"] for who in genesis["merchants"] + genesis.get("partners", [])))' "$net/genesis.json")
read -ra cycles < <("$tally" --json settlement --dir "$net" list | python3 -c 'import json, sys
print(*(cycle["cycle"] for cycle in json.load(sys.stdin)["items"]))')
(("${#cycles[@]}")) || { echo "settlement_files: $net has no closed cycle yet" >&2; exit 1; }

# Exports a cycle for a participant, from the node that the remaining arguments name. A file that is there with other bytes
# is refused.
export_cycle() {
  "$tally" settlement export "$1" --merchant "$2" --format all --out "$work/files" "${@:3}" >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
}

read -r api token < <(python3 -c 'import json, sys
node = json.load(open(sys.argv[1] + "/alliance.json"))["nodes"][0]
print(node["api"], "%s/merchant-%s/api.token" % (sys.argv[1], node["merchant"]))' "$net")
for cycle in "${cycles[@]}"; do
  "$tally" --json settlement --dir "$net" show "$cycle" >"$work/api/$cycle.json"
  for participant in "${participants[@]}"; do
    export_cycle "$cycle" "$participant" --dir "$net"
    export_cycle "$cycle" "$participant" --node "$api" --token-file "$token"
  done
done
"$venv/bin/python" -B scripts/settlement_files.py "$work/files" "$work/api"
