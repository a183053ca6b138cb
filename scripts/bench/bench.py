#!/usr/bin/env python3
"""`make bench`: what the executor, one node and four nodes carry, beside PostgreSQL, in one run on one machine.

Nothing else should run meanwhile. Ratios within one run count, not absolute figures: `single` and `set` are PostgreSQL's rates
for transfers committed one by one and in batches of 1,000, over the number of connections that is best for each
(scripts/bench/postgres.py). A machine that others share changes its speed within minutes, so these two are measured again before
and after each case, and a case is compared with the mean of the two. The last lines are made for scripts:

    bench: case=NAME value=N unit=U ratio=R must=M ok|short

`must` is the ratio to reach; a case that is measured for the record alone has none. With `--json FILE` everything that was
measured is written there. Exit code 1 where something was lost or a step failed; a case that falls short is no failure.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
from statistics import mean

ROOT = pathlib.Path(__file__).resolve().parents[2]
FORMAT = "tally-bench-run/2"

# So many requests under way that blocks are full: what one node, and what an alliance, carries at most. (PostgreSQL too is given
# its best number.)
BUSY_NODE = ["--connections", "128"]
BUSY = ["--connections", "32"]
# Name, merchants, flags of `tally bench`, what its rate is compared with, and the ratio to reach; none where it is for the
# record.
CASES = [
    ("one_node_10k", 1, ["--accounts", "10000", *BUSY_NODE], "set", 2.0),
    ("four_nodes_10k", 4, ["--accounts", "10000", *BUSY], "set", 1.0),
    ("four_nodes_10k_hot", 4, ["--accounts", "10000", "--skew", "hot", *BUSY], "set", None),
    ("four_nodes_10k_reads", 4, ["--accounts", "10000", "--readers", "4", *BUSY], "set", None),
    ("four_nodes_1m", 4, ["--accounts", "1000000", *BUSY], "set", 0.4),
    ("four_nodes_wallets", 4, ["--accounts", "10000", "--signed-by", "wallet"], "single", 0.6),
    ("four_nodes_http", 4, ["--accounts", "10000", "--door", "operations", "--connections", "256"], "single", 0.5),
]
# Operations of a case, full and quick, by how the operations come in.
OPERATIONS = {"batches": (300_000, 40_000), "wallets": (60_000, 10_000), "http": (20_000, 3_000)}
EXECUTOR = [("executor_10k", 10_000, 600_000), ("executor_1m", 1_000_000, 600_000)]
# What an operation costs with so much history, and with so many accounts: at the last of them at most so many times as much as
# at the first, which is measured before and after.
HISTORY = (200_000, 2_000_000, 10_000_000)
ACCOUNTS = (10_000, 100_000, 1_000_000, 5_000_000)
MOST_GROWTH = 1.5
# Operations that a node has behind it when it is killed, full and quick, and how soon it must serve again, in seconds.
RESTART = (10_000_000, 200_000)
MOST_RESTART_S = 10
# Most bytes on the disk an operation, block log included, with three lots a holding.
MOST_DISK_BYTES = 450
# Latency of a single small operation on an idle network, in ms.
MOST_IDLE_MS = 150


def run(command, **options):
    """The output of a command that must succeed; what it says of its progress goes to the terminal."""
    print(f"bench: {' '.join(map(str, command))}", file=sys.stderr, flush=True)
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def postgres(*flags):
    """PostgreSQL's rates."""
    return json.loads(run([ROOT / "scripts/bench/postgres.sh", *flags]))["postgres"]


class Yardstick:
    """PostgreSQL's two best cases, measured again between all others."""

    def __init__(self, best):
        fastest = lambda name: max((c for c in best["cases"] if c["name"] == name), key=lambda case: case["ops_per_s"])
        self.connections = [str(fastest(name)["connections"]) for name in ("single_10k", "set_10k")]
        self.last = self.rates()

    def rates(self):
        best = postgres("--again", *self.connections)["best_ops_per_s"]
        return {"single": best["single_10k"], "set": best["set_10k"]}

    def beside(self, measure, *arguments):
        """What `measure` gives, with PostgreSQL's rates around it."""
        before, found = self.last, measure(*arguments)
        self.last = self.rates()
        return {**found, "postgres": {name: mean((before[name], self.last[name])) for name in before}}


def executor(binaries, accounts, operations, *flags):
    """The executor alone."""
    command = [binaries / "executor", "--accounts", accounts, "--operations", operations, *flags, "--json"]
    return json.loads(run([str(word) for word in command]))


def growth(binaries):
    """What history and accounts do to the cost of an operation, to memory and to the disk. What each is compared with is measured
    before and after, for all of it takes minutes."""
    marks = ",".join(map(str, HISTORY))
    return {
        "history": executor(binaries, ACCOUNTS[0], HISTORY[-1], "--marks", marks),
        "history_start_again": executor(binaries, ACCOUNTS[0], HISTORY[0], "--marks", HISTORY[0]),
        "accounts": [executor(binaries, accounts, 400_000) for accounts in ACCOUNTS],
        "accounts_start_again": executor(binaries, ACCOUNTS[0], 400_000),
    }


def instructions(binaries):
    """Instructions that execution takes an operation: the same on a noisy machine. Without the processor's own SHA-256, which
    callgrind does not know, hashes take more of them than they would."""
    operations = 20_000
    with tempfile.TemporaryDirectory(prefix="tally-bench.") as work:
        command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={work}/out", "--collect-atstart=no"]
        command += ["--toggle-collect=*::Chain::run*", "--toggle-collect=*::chain::seal*", str(binaries / "executor")]
        run([*command, "--accounts", "1000", "--operations", str(operations), "--json"])
        lines = pathlib.Path(work, "out").read_text().splitlines()
    total = next(int(line.split()[1]) for line in lines if line.startswith("totals:"))
    if not total:
        raise RuntimeError("callgrind met none of the functions that it was to count")
    # Each account was enrolled and given points first, which is two operations.
    return {"operations": operations + 2_000, "instructions_per_op": total / (operations + 2_000)}


def restart(binaries, operations):
    """How soon a node serves again that was killed with so much history."""
    tally = str(binaries / "tally")
    with tempfile.TemporaryDirectory(prefix="tally-bench.") as work:
        net = f"{work}/net"
        run([tally, "network", "init", "--out", net, "--merchants", "1"])
        run([tally, "network", "up", "--detach", "--dir", net])
        try:
            load = json.loads(run([tally, "--json", "bench", "--dir", net, "--operations", str(operations)]))
            merchant = ["--dir", net, "--merchant", "1"]
            run([tally, "network", "kill", *merchant])
            started = json.loads(run([tally, "--json", "network", "start", *merchant]))
            seconds = started["ready_after_ms"] / 1000
            return {"operations": operations, "seconds": seconds, "load_ops_per_s": load["ops_per_s"]}
        finally:
            run([tally, "network", "down", "--dir", net])


def network(binaries, case, operations):
    """A new alliance under a load of its own: as fast as it goes, then for latency at half of that rate. As with PostgreSQL, the
    first touch of memory and files, which costs more, comes before it counts: the same load once. Not so with so many accounts
    that a run touches most of them for the first time: the same load would find them all."""
    name, merchants, flags, _, _ = case
    tally = str(binaries / "tally")
    with tempfile.TemporaryDirectory(prefix="tally-bench.") as work:
        net = f"{work}/net"
        run([tally, "network", "init", "--out", net, "--merchants", str(merchants)])
        run([tally, "network", "up", "--detach", "--dir", net])
        try:
            bench = [tally, "--json", "bench", "--dir", net]
            load = [*bench, *flags, "--operations", str(operations)]
            if "1m" not in name:
                run(load)
            closed = json.loads(run(load))
            if name != "four_nodes_10k":
                return {"closed": closed}
            half = str(max(1, int(closed["ops_per_s"] / 2)))
            open_loop = json.loads(run([*bench, "--rate", half, "--seconds", "15"]))
            idle = json.loads(run([*bench, "--door", "operations", "--connections", "1", "--operations", "50"]))
            return {"closed": closed, "open": open_loop, "idle": idle}
        finally:
            run([tally, "network", "down", "--dir", net])


def kind(flags):
    """How the operations of a case come in."""
    return "wallets" if "wallet" in flags else "http" if "operations" in flags else "batches"


def measure(arguments, binaries, measured):
    """Adds each measurement to what was measured."""
    is_whole = not arguments.only and not arguments.quick
    if is_whole and not shutil.which("valgrind"):
        sys.exit("bench: valgrind is not installed: apt-get install -y valgrind (or --quick, which does without it)")
    few = 6 if arguments.quick else 1
    measured["postgres"] = postgres(*(["--quick"] if arguments.quick else []))
    yardstick = Yardstick(measured["postgres"])
    measured["executor"] = {}
    for name, accounts, operations in EXECUTOR:
        measured["executor"][name] = yardstick.beside(executor, binaries, accounts, operations // few)
    measured["network"] = {}
    for case in CASES:
        wanted = case[0] in arguments.only if arguments.only else not (arguments.quick and "1m" in case[0])
        if wanted:
            operations = OPERATIONS[kind(case[2])][arguments.quick]
            measured["network"][case[0]] = yardstick.beside(network, binaries, case, operations)
    measured["executor"]["three_lots"] = executor(binaries, ACCOUNTS[0], 1_200_000 // few, "--months", 3)
    if not arguments.only:
        measured["restart"] = restart(binaries, RESTART[arguments.quick])
    if is_whole:
        measured["growth"] = growth(binaries)
        measured["instructions"] = instructions(binaries)


def line(name, value, unit, ratio=None, must=None):
    """The line of a case: its ratio is to be at least what it must be."""
    told = "n/a" if ratio is None else f"{ratio:.3f}"
    verdict = "ok" if must is None or (ratio is not None and ratio >= must) else "short"
    value = f"{value:.0f}" if value >= 100 else f"{value:.2f}"
    return f"bench: case={name} value={value} unit={unit} ratio={told} must={must if must is not None else 'none'} {verdict}"


def within(name, value, unit, most):
    """The line of a case whose value is to be at most so much: its ratio is how much room there is, and must be 1."""
    return line(name, value, unit, most / max(value, 1e-9), 1)


def lines(measured):
    """The lines of all cases that were measured."""
    for name in ("set", "single"):
        yield line(f"postgres_{name}", measured["postgres"]["best_ops_per_s"][f"{name}_10k"], "ops/s")
    for name, must in (("executor_10k", 600_000 / 98_000), ("executor_1m", 200_000 / 98_000)):
        if name in measured.get("executor", {}):
            found = measured["executor"][name]
            yield line(name, found["ops_per_s"], "ops/s", found["ops_per_s"] / found["postgres"]["set"], round(must, 2))
    lots = measured.get("executor", {}).get("three_lots")
    if lots:
        disk = lots["state_bytes_per_op"] + lots["log_bytes_per_op"]
        yield within("disk_three_lots", disk, "bytes/op", MOST_DISK_BYTES)
    for name, _, _, against, must in CASES:
        found = measured.get("network", {}).get(name)
        if not found:
            continue
        rate = found["closed"]["ops_per_s"]
        yield line(name, rate, "ops/s", rate / found["postgres"][against], must)
        if found["closed"]["reads"]:
            yield line(f"{name}_p99", found["closed"]["reads"]["latency_ms"]["p99"], "ms")
            yield line(f"{name}_rate", found["closed"]["reads"]["per_s"], "reads/s")
        if "open" in found:
            yield within("latency_half_load_p50", found["open"]["latency_ms"]["p50"], "ms", 250)
            yield within("latency_half_load_p99", found["open"]["latency_ms"]["p99"], "ms", 600)
            yield within("latency_idle_p50", found["idle"]["latency_ms"]["p50"], "ms", MOST_IDLE_MS)
    if "growth" in measured:
        marks, again = (measured["growth"][name]["marks"] for name in ("history", "history_start_again"))
        for mark in marks:
            yield line(f"history_{mark['operations']}", mark["us_per_op"], "us/op")
        start = mean((marks[0]["us_per_op"], again[0]["us_per_op"]))
        yield within("growth_history", marks[-1]["us_per_op"] / start, "times", MOST_GROWTH)
        series, again = (measured["growth"][name] for name in ("accounts", "accounts_start_again"))
        for one in series:
            yield line(f"accounts_{one['accounts']}", one["us_per_op"]["executor"], "us/op")
        start = mean((series[0]["us_per_op"]["executor"], again["us_per_op"]["executor"]))
        yield within("growth_accounts", series[-1]["us_per_op"]["executor"] / start, "times", MOST_GROWTH)
    if "restart" in measured:
        yield within(f"restart_{measured['restart']['operations']}", measured["restart"]["seconds"], "s", MOST_RESTART_S)
    if "instructions" in measured:
        yield line("executor_instructions", measured["instructions"]["instructions_per_op"], "instructions/op")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer operations, no nodes with a million accounts, no growth")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured there")
    parser.add_argument("--only", metavar="CASE", action="append", help="of the cases with nodes only this; may be repeated")
    arguments = parser.parse_args()
    target = os.environ.get("CARGO_TARGET_DIR") or pathlib.Path.home() / ".cache/tally/target"
    commit = run(["git", "-C", str(ROOT), "describe", "--always", "--dirty"]).strip()
    machine = {"cores": os.cpu_count(), "kernel": platform.release()}
    measured = {"format": FORMAT, "commit": commit, "quick": arguments.quick, "machine": machine}
    failed = None
    try:
        measure(arguments, pathlib.Path(target) / "release", measured)
    except subprocess.CalledProcessError as error:
        failed = error
    # What was measured before a failure took its time, and is told all the same.
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps(measured, indent=1) + "\n")
    if "postgres" in measured:
        print("\n".join(lines(measured)))
    if failed:
        sys.exit(f"bench: {failed}")


if __name__ == "__main__":
    main()
