#!/usr/bin/env bash
# Builds the fuzz targets and runs each for FUZZ_SECONDS (60), one after the other; FUZZ_TARGETS names some of them only.
# One line a target. Fails where a target crashed, or did not run. What fuzz/README.md says of building is done here.
# With the word `check` it only sees to it that all of them compile, without a warning.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${FUZZ_SECONDS:-60}
target_dir=${CARGO_TARGET_DIR:-$HOME/.cache/tally/target}
export CARGO_TARGET_DIR="$target_dir"

# RocksDB as the ordinary build made it, where it did: building it again takes most of an hour on a small machine.
use_rocksdb() {
  [[ -n "${ROCKSDB_LIB_DIR:-}" ]] && return 0
  local found
  found=$(ls -t "$target_dir"/release/build/librocksdb-sys-*/out/librocksdb.a 2>/dev/null | head -n 1) || true
  [[ -n "$found" ]] || return 0
  ROCKSDB_LIB_DIR=$(dirname "$found")
  export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
}

if [[ "${1:-}" == check ]]; then
  use_rocksdb
  exec cargo clippy --release --manifest-path fuzz/Cargo.toml --workspace --all-targets --locked -- -D warnings
fi

export RUSTC_WRAPPER="$PWD/fuzz/rustc.sh"
triple=$(rustc -vV | sed -n 's/^host: //p')

cargo fuzz --version >/dev/null 2>&1 || {
  echo "fuzz: cargo-fuzz is not installed: cargo install cargo-fuzz --locked" >&2
  exit 1
}

# Options of libFuzzer. Where bytes are choices, long inputs are worth trying from the start, and too long ones only slow.
options_of() {
  case "$1" in
    execute_block | chain) echo "-len_control=0 -max_len=512" ;;
    block | archive | certificate | outbox | journal) echo "-len_control=0 -max_len=2048" ;;
    *) echo "-max_len=8192" ;;
  esac
}

# Runs one target; 0 if it ran and found nothing.
run() {
  local folder=$1 target=$2 started=$SECONDS status=0 executions crashes=0
  local corpus="$folder/corpus/$target" artifacts="$folder/artifacts/$target" seeds="$folder/seeds/$target"
  local log="$target_dir/fuzz-$target.log"
  mkdir -p "$corpus" "$artifacts"
  # shellcheck disable=SC2046 # The options are words.
  "$target_dir/$triple/release/$target" "$corpus" "$seeds" $(options_of "$target") -max_total_time="$seconds" \
    -print_final_stats=1 -timeout=25 -rss_limit_mb=4096 -artifact_prefix="$artifacts/" >"$log" 2>&1 || status=$?
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
  ((status)) && crashes=1
  echo "fuzz: target=$target executions=${executions:-0} seconds=$((SECONDS - started)) crashes=$crashes"
  if ((status)) || ((${executions:-0} == 0)); then
    grep -E 'panicked at|^assertion|^ *(left|right):|ERROR|Test unit written' "$log" >&2 || tail -n 20 "$log" >&2
    echo "fuzz: all of it is in $log; run it again with: cargo fuzz run (fuzz/README.md)" >&2
    return 1
  fi
}

failed=0
for folder in fuzz fuzz/node; do
  [[ "$folder" == fuzz/node ]] && use_rocksdb
  targets=()
  while read -r target; do
    [[ -z "${FUZZ_TARGETS:-}" || " $FUZZ_TARGETS " == *" $target "* ]] && targets+=("$target")
  done < <(cargo fuzz list --fuzz-dir "$folder")
  ((${#targets[@]})) || continue
  if [[ -n "${FUZZ_TARGETS:-}" ]]; then
    for target in "${targets[@]}"; do
      cargo fuzz build --fuzz-dir "$folder" --release --sanitizer none "$target"
    done
  else
    cargo fuzz build --fuzz-dir "$folder" --release --sanitizer none
  fi
  for target in "${targets[@]}"; do
    run "$folder" "$target" || failed=1
  done
done
exit "$failed"
