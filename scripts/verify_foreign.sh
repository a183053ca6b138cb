#!/usr/bin/env bash
# `make verify-foreign`: proofs of a running alliance, checked by programs that know nothing of Tally
# (docs/verify/README.md).
#
# An alliance of four merchants gets a history with checkpoints, a settlement, time stamps, and a witness that follows
# the log (scripts/foreign/history.py); then every kind of proof about it goes to other people's programs: Go's checksum
# database, sigstore, Ethereum's tries, OpenSSL and more. Each must take the proof and refuse damaged copies of it. Then
# OpenZeppelin's ERC-1155 on a local EVM repeats every move of points, and must come to the root that the merchants
# signed; and ethers, viem and web3.py read the node as a contract of ERC-1155, before and after a further checkpoint,
# and must find what the moves add up to. One line for each fact and program, and a last one made for scripts:
#
#   proof: fact=NAME verifier=PROGRAM ok
#   oracle: openzeppelin ok moves=N checkpoints=N
#   erc1155: client=NAME ok balances=N singles=N batches=N [slots=N block=HEIGHT]
#   verify-foreign: facts=9 checks=N clients=3 ok
#
# Packages of PyPI and npm, pinned in scripts/foreign/, are installed into ${XDG_CACHE_HOME:-~/.cache}/tally/foreign.
# What is missing otherwise is named, and nothing is skipped.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

target="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}"
tally="$target/release/tally"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/tally/foreign"
venv="$cache/venv"
npm="$cache/npm"
gopath=/usr/share/gocode
here=scripts/foreign
clients=(ethers viem web3.py)
facts=(operation growth signed balance absence statement settlement anchored log)

say() { printf '\n== %s\n' "$*"; }
fail() { echo "verify_foreign: $*" >&2; exit 1; }

# --- What is needed ---

missing=()
need() { local package="$1"; shift; "$@" >/dev/null 2>&1 || missing+=("$package"); }
need golang-go command -v go
need golang-golang-x-mod-dev test -e "$gopath/src/golang.org/x/mod/sumdb/tlog"
need openssl command -v openssl
need nodejs command -v node
need npm command -v npm
need python3-venv python3 -c 'import ensurepip, venv'
((${#missing[@]} == 0)) || fail "missing programs; as root: apt-get install ${missing[*]}"
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "Python 3.11 or later is needed: apt-get install python3, of Debian 12 or later"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)' ||
  fail "Node.js 20 or later is needed: apt-get install nodejs, of Debian 13 or later"
[[ -x "$tally" ]] || fail "$tally is missing: make build"

# Runs an installation unless the last one was of the same files.
install_once() {
  local stamp="$1/installed" wanted
  wanted="$(cat "${@:3}" | sha256sum) $(python3 --version) $(node --version)"
  [[ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]] || return 0
  rm -rf "$1"
  mkdir -p "$1"
  "$2"
  echo "$wanted" >"$stamp"
}
# The list holds what each package needs. One of them asks for a newer Python than it uses.
install_python() {
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --no-deps --ignore-requires-python -r "$here/requirements.txt" ||
    fail "the packages of $here/requirements.txt could not be installed from PyPI"
}
# Nothing needs the packages' own install scripts. anvil's binary is a package for each platform, and the lock knows that
# of Linux on x86_64 only: elsewhere what the packages need is not pinned.
install_npm() {
  cp "$here/package.json" "$npm/"
  [[ "$(uname -sm)" != "Linux x86_64" ]] || cp "$here/package-lock.json" "$npm/"
  (cd "$npm" && npm install --ignore-scripts --no-fund --no-audit --loglevel=error >/dev/null) ||
    fail "the packages of $here/package.json could not be installed from npm"
}

say "Other people's programs, in $cache"
install_once "$venv" install_python "$here/requirements.txt"
install_once "$npm" install_npm "$here/package.json" "$here/package-lock.json"
GO111MODULE=off GOPATH="$gopath" GOFLAGS='' go build -o "$cache/verify-go" "./$here/go"
go version
openssl version
python3 --version
echo "node $(node --version)"
grep -oE '"[@a-z/0-9-]+": "[0-9.]+"' "$here/package.json" | tr -d '":'
grep -E '^(aics-tlog|aics-witness|cryptography|pymerkle|rfc3161-client|sigstore|trie|web3)==' "$here/requirements.txt" |
  sed 's/==/ /'

# --- An alliance ---

work="$(mktemp -d "${TMPDIR:-/tmp}/tally-foreign.XXXXXX")"
net="$work/net"
proofs="$work/proofs"
trust="$work/trust.json"
authority_pid=""
witness_pid=""
finish() {
  local status=$?
  trap - EXIT
  for pid in $authority_pid $witness_pid; do kill "$pid" 2>/dev/null || true; done
  if [[ -e "$net/alliance.json" ]]; then "$tally" network down --dir "$net" >/dev/null 2>&1 || true; fi
  if ((status == 0)); then rm -rf "$work"; else echo "verify_foreign: failed; proofs and logs stay in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

say "An alliance of four merchants, and its history"
# Waits until a process that was started has something to say: PID, its log, and a command that finds it.
await() {
  local pid="$1" log="$2" i
  for ((i = 0; i < 150; i++)); do
    if "${@:3}" >/dev/null 2>&1; then return 0; fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  fail "a process does not start: $(cat "$log")"
}
python3 -B "$here/authority.py" "$work/authority" >"$work/authority.log" 2>&1 &
authority_pid=$!
await "$authority_pid" "$work/authority.log" test -e "$work/authority/url"
witness() { "$venv/bin/aics-witness" "$1" --config "$work/witness/witness.json" "${@:2}"; }
mkdir "$work/witness"
witness init --name witness.example/loopback --listen 127.0.0.1:0 >"$work/witness.init"
witness_key="$(grep -oE 'witness\.example/loopback\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+' "$work/witness.init" | head -n 1)"
"$venv/bin/aics-witness" serve --config "$work/witness/witness.json" >"$work/witness.log" 2>&1 &
witness_pid=$!
await "$witness_pid" "$work/witness.log" grep -q 'listening on ' "$work/witness.log"
witness_url="$(grep -oE 'http://[0-9.:]+' "$work/witness.log" | head -n 1)"
"$tally" network init --out "$net" --simulated-clock >"$work/init.log"
cat >>"$net/merchant-1/node.toml" <<TOML

[anchors]
every_checkpoints = 1

[[anchors.time_stamps]]
name = "loopback"
url = "$(cat "$work/authority/url")"
certificates = "$work/authority/root.pem"

[[anchors.witnesses]]
name = "witness"
url = "$witness_url"
key = "$witness_key"
TOML
"$tally" network up --detach --dir "$net" >"$work/up.log"
"$tally" export --dir "$net" --out "$work/chain.tally" >/dev/null
python3 -B "$here/trust.py" "$net/genesis.json" "$work/chain.tally" >"$trust"
# The witness is told of the log and its keys, as its operator would be.
origin="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["origin"])' "$trust")"
for key in $(python3 -c 'import json, sys; print(*json.load(open(sys.argv[1]))["log_keys"])' "$trust"); do
  witness add-log --origin "$origin" --vkey "$key" >>"$work/witness.init"
done
kill -HUP "$witness_pid"
python3 -B "$here/history.py" "$tally" "$net" "$proofs"

# --- Its proofs ---

# One check: a program and its arguments.
check() { "$@" | tee -a "$work/checks.log"; }
py() { "$venv/bin/python" -B "$here/$1.py" "${@:2}"; }
js() { node "$here/$1.mjs" "$npm" "${@:2}"; }
go_() { "$cache/verify-go" "$@"; }

# OpenSSL on a response and what it is a stamp of.
stamped() { openssl ts -verify -data "$1" -in "$2" -CAfile "$work/authority/root.pem" >>"$work/openssl.log" 2>&1; }
openssl_ts() {
  local folder="$work/stamp"
  stamped "$folder/text" "$folder/response.tsr" ||
    fail "openssl does not take the time stamp: $(tail -n 5 "$work/openssl.log")"
  sed '2s/^/1/' "$folder/text" >"$folder/another"
  if stamped "$folder/another" "$folder/response.tsr"; then fail "openssl takes the stamp for another log size"; fi
  # The last bytes are those of the authority's signature.
  { head -c -4 "$folder/response.tsr"; printf 'fake'; } >"$folder/forged.tsr"
  if stamped "$folder/text" "$folder/forged.tsr"; then fail "openssl takes a forged stamp"; fi
  echo "proof: fact=anchored verifier=openssl-ts ok"
}

# The lines of a statement from its beginning on, by nothing but sha256sum, lead to the end of the holding's record.
lines() { python3 -c 'import json, sys; print(*json.load(sys.stdin)["fact"]["lines"], sep="\n")'; }
end() { python3 -c 'import json, sys; print(json.load(sys.stdin)["fact"]["to"]["leaf"][-64:])'; }
statement_by_hand() {
  local zeros
  zeros="$(printf '0%.0s' {1..64})"
  [[ "$(lines <"$1" | "$here/statement.sh" "$zeros")" == "$(end <"$1")" ]] || fail "the lines of $1 lead elsewhere"
  [[ "$(lines <"$1" | sed 1d | "$here/statement.sh" "$zeros")" != "$(end <"$1")" ]] || fail "a line of $1 is not missed"
}

say "Whom a checker trusts: the keys of the genesis"
cat "$trust"
url="$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["nodes"][0]["api"])' "$net/alliance.json")"
token="$net/merchant-1/api.token"

say "What our own program says of the proofs, with the genesis, the authority's root, the witness's key"
ours=(--genesis "$net/genesis.json" --authority "$work/authority/root.pem" --witness "$witness_key")
# The whole log is no single fact, so there is no file about it.
for name in "${facts[@]/log/anchored-witness}"; do
  "$tally" proof verify "$proofs/$name.json" "${ours[@]}"
done

say "What other people's programs say"
check go_ operation "$trust" "$proofs/operation.json"
check py tree operation "$trust" "$proofs/operation.json"
check go_ growth "$trust" "$proofs/growth.json"
check py c2sp growth "$trust" "$proofs/growth.json"
witness status --json >"$work/witness.status"
check py witness "$proofs/anchored-witness.json" "$witness_url" "$work/witness.status"
check go_ signed "$trust" "$proofs/signed.json"
check py c2sp signed "$trust" "$proofs/signed.json"
check py signed "$trust" "$proofs/signed.json" "$proofs/policy.txt"
for fact in balance absence; do
  check js storage "$trust" "$fact" "$proofs/$fact.json"
  check py storage "$trust" "$fact" "$proofs/$fact.json"
done
for part in statement statement-between; do
  go_ statement "$trust" "$proofs/$part.json" >"$work/$part.go"
  py tree statement "$trust" "$proofs/$part.json" >"$work/$part.py"
done
statement_by_hand "$proofs/statement.json"
check cat "$work/statement.go" "$work/statement.py"
check go_ settlement "$trust" "$proofs/settlement.json"
check py tree settlement "$trust" "$proofs/settlement.json" "$proofs/reported.json"
mkdir "$work/stamp"
check py timestamp "$trust" "$proofs/anchored.json" "$work/authority/root.pem" "$work/stamp"
check openssl_ts
check py c2sp anchored "$trust" "$proofs/anchored-witness.json" "$witness_key"
check go_ log "$trust" "$url" "$token"
check py log "$trust" "$url" "$token"
js oracle "$trust" "$proofs/moves.jsonl" | tee "$work/oracle.log"

say "What programs of Ethereum read of a node"
# All of them, on what the moves so far add up to.
ethereum() {
  py expected "$trust" "$proofs/moves.jsonl" "$url" "$token" >"$work/expected.json"
  js erc1155 "$work/expected.json" | tee -a "$work/erc1155.log"
  py erc1155 "$work/expected.json" | tee -a "$work/erc1155.log"
}
ethereum
python3 -B "$here/history.py" "$tally" "$net" "$proofs" further
ethereum

# How many programs checked a fact; all facts, if none is named.
checks() { grep -cE "^proof: fact=${1:-[a-z]+} verifier=[^ ]+ ok$" "$work/checks.log"; }
for fact in "${facts[@]}"; do
  (($(checks "$fact") >= 2)) || fail "fewer than two programs checked: $fact"
done
grep -q '^oracle: openzeppelin ok ' "$work/oracle.log" || fail "the oracle gave no result"
for client in "${clients[@]}"; do
  (($(grep -c "^erc1155: client=$client ok " "$work/erc1155.log") == 2)) || fail "$client did not read the node twice"
done
echo
echo "verify-foreign: facts=${#facts[@]} checks=$(checks) clients=${#clients[@]} ok"
