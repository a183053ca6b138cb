#!/usr/bin/env bash
# The peer of `make bench`: what PostgreSQL, which a user would otherwise pick, does with the same double-entry transfers on
# the same machine. Ratios to these figures count, so the server is set as its user would set it, with every commit synced.
#
# Starts a server of its own in a temporary directory, reachable through a socket in it only, measures (postgres.py), and
# always stops it and removes the directory. A table goes to stderr, one JSON object to stdout. Fails if the books do not
# balance afterwards.
#
#   scripts/bench/postgres.sh            under three minutes
#   scripts/bench/postgres.sh --quick    about forty seconds; rougher
#   scripts/bench/postgres.sh --again SINGLE SET   the two best cases once more, over so many connections: some 25 seconds
#
#   TMPDIR=DIR    where to measure: some gigabytes on a real disk, open to the user `postgres` if root starts this
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

seconds=10 again=()
case "${1:-} $#" in
  " 0") ;;
  "--quick 1") seconds=2 ;;
  "--again 3") seconds=8 again=(--again "$2" "$3") ;;
  *) echo "usage: scripts/bench/postgres.sh [--quick | --again SINGLE SET]" >&2; exit 2 ;;
esac

fail() { echo "bench: $*" >&2; exit 1; }

# The newest server that Debian installed, or the one on the path. It refuses to run as root.
bin="$(find /usr/lib/postgresql -path '*/bin/initdb' 2>/dev/null | sort -V | tail -n 1 || true)"
bin="${bin:-$(command -v initdb || true)}"
bin="${bin%/initdb}"
for program in initdb pg_ctl psql pgbench; do
  [[ -n "$bin" && -x "$bin/$program" ]] || fail "PostgreSQL is not installed: apt-get install -y postgresql"
done
as_server=() owner="$(id -un)"
if ((EUID == 0)); then
  owner=postgres
  id "$owner" >/dev/null 2>&1 || fail "there is no user postgres: apt-get install -y postgresql"
  as_server=(runuser -u "$owner" --)
fi

work="$(mktemp -d "${TMPDIR:-/tmp}/tally-bench-postgres.XXXXXX")"
load_pid=""

finish() {
  [[ -z "$load_pid" ]] || kill "$load_pid" 2>/dev/null || true
  if [[ -e "$work/data/postmaster.pid" ]]; then
    "${as_server[@]}" "$bin/pg_ctl" -D "$work/data" -m immediate stop >/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
((EUID != 0)) || chown "$owner" "$work"
cd "$work"

"${as_server[@]}" "$bin/initdb" -D "$work/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >init.log ||
  fail "initdb failed; can the user $owner write to ${TMPDIR:-/tmp}?"

# A quarter of the memory, as its manual advises, at most 4 GB; no checkpoint during a case.
memory_mb=$(($(awk '/^MemTotal:/ { print $2 }' /proc/meminfo) / 1024))
buffers_mb=$((memory_mb / 4 < 4096 ? memory_mb / 4 : 4096))
"${as_server[@]}" tee -a "$work/data/postgresql.conf" >/dev/null <<SETTINGS
listen_addresses = ''
unix_socket_directories = '$work'
max_connections = 100
fsync = on
synchronous_commit = on
full_page_writes = on
shared_buffers = ${buffers_mb}MB
wal_buffers = 64MB
max_wal_size = 8GB
checkpoint_timeout = 30min
jit = off
SETTINGS
"${as_server[@]}" "$bin/pg_ctl" -D "$work/data" -l "$work/server.log" -w start >/dev/null ||
  { cat "$work/server.log" >&2; fail "the server did not start"; }

# In the background, so that a signal is heeded at once.
PGHOST="$work" PGUSER=postgres PGDATABASE=postgres PATH="$bin:$PATH" PYTHONDONTWRITEBYTECODE=1 \
  python3 "$here/postgres.py" --seconds "$seconds" "${again[@]}" --server "$(head -n 1 "$work/data/postmaster.pid")" &
load_pid=$!
status=0
wait "$load_pid" || status=$?
load_pid=""
if ((status != 0)); then
  grep -E ' (ERROR|FATAL|PANIC): ' "$work/server.log" | tail -n 5 >&2 || true
  fail "the measurement failed"
fi
