#!/usr/bin/env bash
# Makes sure that what the build, the tests and the demo need is there. On Debian and Ubuntu it installs what is
# missing, saying so first; elsewhere it says what is missing. With nothing missing it prints nothing and takes no time.
#
#   scripts/setup.sh            what everything needs
#   scripts/setup.sh foreign    and what `make verify-foreign` runs besides: Go, Node.js, virtual environments of Python
set -euo pipefail

case "${1:-}" in
  "" | foreign) ;;
  *)
    echo "usage: scripts/setup.sh [foreign]" >&2
    exit 2
    ;;
esac

has() { command -v "$1" >/dev/null 2>&1; }

# bindgen loads libclang at build time (RocksDB) and wants the compiler's own headers beside it.
has_libclang() {
  [[ -n "${LIBCLANG_PATH:-}" ]] && return 0
  local found=(/usr/lib/llvm-*/lib/libclang*.so* /usr/lib/*-linux-gnu/libclang*.so* /usr/lib64/libclang.so*
    /usr/lib/libclang.so* /usr/local/opt/llvm/lib/libclang.dylib /opt/homebrew/opt/llvm/lib/libclang.dylib
    /Library/Developer/CommandLineTools/usr/lib/libclang.dylib)
  local headers=(/usr/lib/llvm-*/lib/clang/*/include/stddef.h /usr/lib*/clang/*/include/stddef.h
    /usr/local/opt/llvm/lib/clang/*/include/stddef.h /opt/homebrew/opt/llvm/lib/clang/*/include/stddef.h
    /Library/Developer/CommandLineTools/usr/lib/clang/*/include/stddef.h)
  any_exists "${found[@]}" && any_exists "${headers[@]}"
}

any_exists() {
  local path
  for path in "$@"; do [[ -e "$path" ]] && return 0; done
  return 1
}

has_python() { has python3 && python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; }

# Node.js may come from elsewhere than the distribution: what counts is the version of the one that runs.
node_version() { node -p 'process.versions.node' 2>/dev/null; }
has_node() { local version && version="$(node_version)" && ((${version%%.*} >= 20)); }

# What is missing, as Debian packages and in words.
packages=() words=()
missing() { packages+=("$1") words+=("$2"); }
has c++ && has cc || missing build-essential "a C and C++ compiler"
has_libclang || missing libclang-dev "libclang with its headers (LIBCLANG_PATH names its folder)"
has zstd || missing zstd "the zstd command"
has_python || missing python3 "Python 3.8 or later"
has openssl || missing openssl "the openssl command (a time-stamp authority, in tests)"
if [[ "${1:-}" == foreign ]]; then
  has go || missing golang-go "Go"
  [[ -e /usr/share/gocode/src/golang.org/x/mod/sumdb/tlog ]] ||
    missing golang-golang-x-mod-dev "Go's golang.org/x/mod, in /usr/share/gocode/src"
  has node || missing nodejs "Node.js 20 or later"
  has npm || missing npm "npm"
  python3 -c 'import ensurepip, venv' 2>/dev/null || missing python3-venv "Python's modules venv and ensurepip"
fi

if ! has cargo; then
  echo "setup: Rust is not installed: https://rustup.rs (the toolchain itself is pinned in rust-toolchain.toml)" >&2
  exit 1
fi
# A newer one is not installed over one that is there, which somebody may have chosen.
check_node() {
  [[ "${1:-}" != foreign ]] || has_node || {
    echo "setup: Node.js $(node_version) is too old, take 20 or later: https://nodejs.org, or nodejs of Debian 13" >&2
    exit 1
  }
}
if has node; then check_node "$@"; fi
((${#packages[@]})) || exit 0

if ! has apt-get; then
  echo "setup: missing, please install:" >&2
  printf '  %s\n' "${words[@]}" >&2
  exit 1
fi

as_root=()
if ((EUID != 0)); then
  if ! has sudo; then
    echo "setup: missing; as root: apt-get install ${packages[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup: installing with apt-get: ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${packages[@]}"
check_node "$@"
