#!/usr/bin/env bash
# Stands before rustc when the fuzz targets are built (RUSTC_WRAPPER). Only what decodes and decides is instrumented: the
# branches of curve arithmetic and hashes would make most of the run time, and of what the fuzzer takes for news.
set -euo pipefail

case "${CARGO_PKG_NAME:-}" in
  tally-* | bech32 | hex | rust_decimal | serde_core | serde_json | wincode) exec "$@" ;;
esac
args=()
for arg in "$@"; do
  case "$arg" in
    -Cpasses=sancov-module | -Cllvm-args=-sanitizer-* | -Ccodegen-units=1) ;;
    *) args+=("$arg") ;;
  esac
done
exec "${args[@]}"
