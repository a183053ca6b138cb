# What the checks of a whole subject share (settlement_check.sh, alliance_check.sh), sourced after `check=NAME`: a directory for
# logs that goes when all is well, the demo year's network that is stopped in any case, and how values are read from logs.

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}"
tally="$CARGO_TARGET_DIR/release/tally"
work="$(mktemp -d "${TMPDIR:-/tmp}/tally-$check.XXXXXX")"

say() { printf '\n== %s\n' "$*"; }
fail() { echo "${check}_check: $*" >&2; exit 1; }
# value KEY WORD: the value of KEY in the last line of WORD.log that begins with WORD.
value() { grep -E "^$2: " "$work/$2.log" | tail -n 1 | grep -oE "(^| )$1=[^ ]+" | cut -d= -f2; }

finish() {
  local status=$?
  trap - EXIT
  # The demo ends what it started itself if it fails.
  if [[ -e "$work/demo/net/alliance.json" ]]; then "$tally" network down --dir "$work/demo/net" >/dev/null 2>&1 || true; fi
  if ((status == 0)); then rm -rf "$work"; else echo "${check}_check: failed; logs stay in $work" >&2; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

# The rules twice, and the demo year, which every one of them starts with.
run_model_and_demo() {
  say "The rules, executed twice over random histories"
  scripts/model.sh | tee "$work/model.log"
  say "The demo year"
  scripts/demo.sh --keep "$work/demo" | tee "$work/demo.log"
}
