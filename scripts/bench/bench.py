#!/usr/bin/env python3
"""`make bench`: what the executor, one node and four nodes carry, beside PostgreSQL, in one run on one machine.

Nothing else should run meanwhile. Ratios within one run count, not absolute figures: `single` and `set` are PostgreSQL's best
rates for transfers committed one by one and in batches of 1,000 (scripts/bench/postgres.py). The last lines are made for
scripts:

    bench: case=NAME value=N unit=U ratio=R must=M ok|short

`must` is the ratio to reach; a case that is measured for the record alone has none. With `--json FILE` everything that was
measured is written there. Exit code 1 where something was lost or a step failed; a case that falls short is no failure.
"""

import argparse
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORMAT = "tally-bench-run/1"

# Name, merchants, flags of `tally bench`, what its rate is compared with, and the ratio to reach; none where it is for the record.
CASES = [
    ("one_node_10k", 1, ["--accounts", "10000"], "set", 2.0),
    ("four_nodes_10k", 4, ["--accounts", "10000"], "set", 1.0),
    ("four_nodes_10k_hot", 4, ["--accounts", "10000", "--skew", "hot"], "set", None),
    ("four_nodes_1m", 4, ["--accounts", "1000000"], "set", 0.4),
    ("four_nodes_wallets", 4, ["--accounts", "10000", "--signed-by", "wallet"], "single", 0.6),
    ("four_nodes_http", 4, ["--accounts", "10000", "--door", "operations", "--connections", "64"], "single", 0.5),
]
# Operations of a case, full and quick, by how the operations come in.
OPERATIONS = {"batches": (300_000, 40_000), "wallets": (60_000, 10_000), "http": (10_000, 3_000)}
EXECUTOR = [("executor_10k", 10_000, 600_000), ("executor_1m", 1_000_000, 200_000)]


def run(command, **options):
    """The output of a command that must succeed; what it says of its progress goes to the terminal."""
    print(f"bench: {' '.join(map(str, command))}", file=sys.stderr, flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def postgres(quick):
    """PostgreSQL's rates."""
    return json.loads(run([ROOT / "scripts/bench/postgres.sh", *(["--quick"] if quick else [])]))["postgres"]


def executor(binaries, accounts, operations):
    """The executor alone."""
    command = [binaries / "executor", "--accounts", accounts, "--operations", operations, "--json"]
    return json.loads(run([str(word) for word in command]))


def network(binaries, case, operations):
    """A new alliance under a load of its own: as fast as it goes, then for latency at half of that rate."""
    name, merchants, flags, _, _ = case
    tally = str(binaries / "tally")
    with tempfile.TemporaryDirectory(prefix="tally-bench.") as work:
        net = f"{work}/net"
        run([tally, "network", "init", "--out", net, "--merchants", str(merchants)])
        run([tally, "network", "up", "--detach", "--dir", net])
        try:
            bench = [tally, "--json", "bench", "--dir", net, *flags]
            closed = json.loads(run([*bench, "--operations", str(operations)]))
            if name != "four_nodes_10k":
                return {"closed": closed}
            half = str(max(1, int(closed["ops_per_s"] / 2)))
            return {"closed": closed, "open": json.loads(run([*bench, "--rate", half, "--seconds", "15", "--batch", "100"]))}
        finally:
            run([tally, "network", "down", "--dir", net])


def kind(flags):
    """How the operations of a case come in."""
    return "wallets" if "wallet" in flags else "http" if "operations" in flags else "batches"


def line(name, value, unit, ratio=None, must=None):
    """The line of a case."""
    told = "n/a" if ratio is None else f"{ratio:.3f}"
    verdict = "ok" if must is None or (ratio is not None and ratio >= must) else "short"
    return f"bench: case={name} value={value:.0f} unit={unit} ratio={told} must={must if must is not None else 'none'} {verdict}"


def lines(measured):
    """The lines of all cases that were measured."""
    best = measured["postgres"]["best_ops_per_s"]
    base = {"set": best["set_10k"], "single": best["single_10k"]}
    yield line("postgres_set", base["set"], "ops/s")
    yield line("postgres_single", base["single"], "ops/s")
    for name, must in (("executor_10k", 600_000 / 98_000), ("executor_1m", 200_000 / 98_000)):
        rate = measured["executor"][name]["ops_per_s"]
        yield line(name, rate, "ops/s", rate / base["set"], round(must, 2))
    for name, _, _, against, must in CASES:
        if name not in measured["network"]:
            continue
        found = measured["network"][name]
        rate = found["closed"]["ops_per_s"]
        yield line(name, rate, "ops/s", rate / base[against], must)
        if "open" in found:
            latency = found["open"]["latency_ms"]
            yield line("latency_half_load_p50", latency["p50"], "ms", 250 / max(latency["p50"], 1), 1)
            yield line("latency_half_load_p99", latency["p99"], "ms", 600 / max(latency["p99"], 1), 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer operations, and no case of a million accounts")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured there")
    parser.add_argument("--only", metavar="CASE", action="append", help="of the cases with nodes only this; may be repeated")
    arguments = parser.parse_args()
    target = os.environ.get("CARGO_TARGET_DIR") or pathlib.Path.home() / ".cache/tally/target"
    binaries = pathlib.Path(target) / "release"
    commit = run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip()
    measured = {
        "format": FORMAT,
        "commit": commit,
        "quick": arguments.quick,
        "machine": {"cores": os.cpu_count(), "kernel": platform.release()},
        "postgres": postgres(arguments.quick),
        "executor": {
            name: executor(binaries, accounts, operations // (6 if arguments.quick else 1))
            for name, accounts, operations in EXECUTOR
        },
        "network": {},
    }
    for case in CASES:
        wanted = case[0] in arguments.only if arguments.only else not (arguments.quick and "1m" in case[0])
        if wanted:
            operations = OPERATIONS[kind(case[2])][arguments.quick]
            measured["network"][case[0]] = network(binaries, case, operations)
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(measured, indent=1) + "\n")
    print("\n".join(lines(measured)))


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"bench: {error}")
