#!/usr/bin/env python3
"""Measures transfers on a running PostgreSQL (postgres.sh starts it; libpq's environment says where).

Single transfers come from pgbench, prepared. Batches of 1,000 are SQL text made before the clock runs and written to one
`psql` a connection until time is up, so that the client costs next to nothing. A figure is all transfers sent, divided by
the time until the last commit was acknowledged. CPU time is that of all processes of the server, from /proc: the
postmaster, its living children, and those it has reaped.
"""

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SEED = 20170301
BATCH = 1000
SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "shared_buffers", "wal_buffers",
            "max_wal_size", "checkpoint_timeout", "autovacuum", "jit")
OPENING = 10**12  # what each account may spend
MOST_PER_SECOND = {"looped": 100_000, "set": 250_000}  # how many are made beforehand, until a rate is known
MISMATCHES = """
select count(*) from accounts full join (
  select account, sum(credit) as credit, sum(debit) as debit from (
    select debit_account as account, 0 as credit, amount as debit from transfers
    union all select credit_account, amount, 0 from transfers) as sides group by account) as sums on id = account
where id is null or credits_posted <> {opening} + coalesce(credit, 0) or debits_posted <> coalesce(debit, 0)"""

PSQL = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]


def say(line):
    print(line, file=sys.stderr, flush=True)


def ask(sql):
    return subprocess.run([*PSQL, "-c", sql], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def run_file(name):
    subprocess.run([*PSQL, "-f", str(HERE / name)], check=True, stdout=subprocess.DEVNULL)


def server_cpu_seconds(postmaster):
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = int(stat.parent.name), stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if pid == postmaster:
            ticks += sum(map(int, rest[11:15]))  # its own, and of children that ended
        elif int(rest[1]) == postmaster:
            ticks += sum(map(int, rest[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def client_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Bench:
    def __init__(self, seconds, postmaster):
        self.seconds, self.postmaster = seconds, postmaster
        self.cases = []
        self.rate = dict(MOST_PER_SECOND)
        self.random = random.Random(SEED)
        self.next_id = 0
        self.sent = 0

    def open_accounts(self, number):
        self.accounts, self.sent = number, 0
        ask("truncate accounts, transfers")
        ask(f"insert into accounts select id, {OPENING} from generate_series(0, {number} - 1) as id")
        ask("vacuum analyze accounts")
        run_file("postgres-rules.sql")

    def batches(self, way, number):
        chance, accounts = self.random.random, self.accounts
        array = lambda numbers: "'{" + ",".join(map(str, numbers)) + "}'"
        texts = []
        for _ in range(number):
            ids = range(self.next_id, self.next_id + BATCH)
            self.next_id += BATCH
            debits = [int(chance() * accounts) for _ in ids]
            credits = [(debit + 1 + int(chance() * (accounts - 1))) % accounts for debit in debits]
            sums = [1 + int(chance() * 100) for _ in ids]
            arguments = ", ".join(map(array, (ids, debits, credits, sums)))
            texts.append(f"select transfer_{way}({arguments});\n".encode())
        return texts

    def feed(self, way, connections, seconds):
        """Sends batches over so many connections; how many transfers, and in what time. Ends early if it runs out."""
        each = max(2, int(self.rate[way] * seconds / BATCH / connections))
        work = [self.batches(way, each) for _ in range(connections)]
        sent = [0] * connections
        clients = [subprocess.Popen([*PSQL, "-o", "/dev/null"], stdin=subprocess.PIPE) for _ in work]
        start = time.monotonic()

        def push(at):
            try:
                for text in work[at]:
                    if time.monotonic() >= start + seconds:
                        break
                    clients[at].stdin.write(text)
                    clients[at].stdin.flush()
                    sent[at] += BATCH
                clients[at].stdin.close()
            except BrokenPipeError:
                pass  # psql says why, and ends with an error

        threads = [threading.Thread(target=push, args=(at,)) for at in range(connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if any([client.wait() for client in clients]):
            sys.exit("bench: a batch was refused")
        took = time.monotonic() - start
        self.rate[way] = min(MOST_PER_SECOND[way], 3 * sum(sent) / took)
        return sum(sent), took

    def single(self, connections, seconds):
        # Each client counts from its own thousand million.
        base = 10**15 + self.next_id * 10**6
        self.next_id += BATCH * 100
        command = ["pgbench", "-n", "-M", "prepared", "-f", str(HERE / "postgres-single.sql"), "-c", str(connections)]
        command += ["-j", "2", "-T", str(seconds), f"--random-seed={SEED + self.next_id}"]
        command += ["-D", f"accounts={self.accounts}", "-D", f"base={base}", "-D", "n=0"]
        ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if ran.returncode:
            sys.exit(f"bench: a transfer was refused\n{ran.stderr}")
        out = ran.stdout
        done = int(re.search(r"actually processed: (\d+)", out)[1])
        return done, done / float(re.search(r"tps = ([\d.]+)", out)[1])

    def transfer(self, way, connections, seconds):
        measure = self.single if way == "single" else lambda *args: self.feed(way, *args)
        done, took = measure(connections, seconds)
        self.sent += done
        return done, took

    def measure(self, way, connection_counts):
        # A checkpoint, then the first touch of each page, which costs more, before it counts.
        ask("checkpoint")
        self.transfer(way, connection_counts[-1], max(1, self.seconds // 4))
        for connections in connection_counts:
            server, client = server_cpu_seconds(self.postmaster), client_cpu_seconds()
            done, took = self.transfer(way, connections, self.seconds)
            time.sleep(0.1)  # until the last connections are gone
            server, client = server_cpu_seconds(self.postmaster) - server, client_cpu_seconds() - client
            self.record(way, connections, done, took, server, client)

    def record(self, way, connections, done, took, server, client):
        scale = f"{self.accounts // 10**6}m" if self.accounts >= 10**6 else f"{self.accounts // 1000}k"
        case = {
            "name": f"{way}_{scale}",
            "operations": done,
            "seconds": round(took, 3),
            "ops_per_s": round(done / took),
            "connections": connections,
            "cpu_us_per_op": round(server / done * 1e6, 2),
            "client_cpu_us_per_op": round(client / done * 1e6, 2),
        }
        self.cases.append(case)
        say(f"{case['name']:<12}{connections:>12}{done:>12,}{took:>10.2f}{case['ops_per_s']:>12,}"
            f"{case['cpu_us_per_op']:>16}{case['client_cpu_us_per_op']:>16}")

    def check(self):
        """The books: as many transfers as were sent, and each account as its transfers say; so the sum is conserved."""
        kept = int(ask("select count(*) from transfers"))
        off = int(ask(MISMATCHES.format(opening=OPENING)))
        total = int(ask("select sum(credits_posted - debits_posted) from accounts"))
        say(f"{self.accounts:,} accounts: transfers sent={self.sent:,} kept={kept:,}, accounts that are off: {off}")
        if kept != self.sent or off or total != OPENING * self.accounts:
            sys.exit("bench: the books do not balance")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, required=True, help="how long each measurement takes")
    parser.add_argument("--again", type=int, nargs=2, metavar=("SINGLE", "SET"),
                        help="only single transfers and batches, over so many connections each")
    parser.add_argument("--server", type=int, required=True, help="process id of the postmaster")
    args = parser.parse_args()

    version = ask("show server_version")
    settings = {name: ask(f"show {name}") for name in SETTINGS}
    directory = ask("show data_directory")
    settings["file_system"] = subprocess.run(
        ["stat", "-f", "-c", "%T", directory], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    say(f"PostgreSQL {version}, seed {SEED}, {args.seconds} s a measurement, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}")
    say(", ".join(f"{name}={value}" for name, value in settings.items()))
    if settings["file_system"] in ("tmpfs", "ramfs"):
        say("warning: the file system lives in memory, so nothing is really synced; set TMPDIR")

    run_file("postgres.sql")
    bench = Bench(args.seconds, args.server)
    say(f"{'case':<12}{'connections':>12}{'transfers':>12}{'seconds':>10}{'a second':>12}{'server us each':>16}"
        f"{'client us each':>16}")
    bench.open_accounts(10_000)
    if args.again:
        bench.measure("single", args.again[:1])
        bench.measure("set", args.again[1:])
        bench.check()
    else:
        bench.measure("single", (32, 64))
        bench.measure("looped", (1, 2))
        bench.measure("set", (1, 2, 4))
        bench.check()
        bench.open_accounts(1_000_000)
        bench.measure("set", (1, 2, 4))
        bench.check()

    best = {}
    for case in bench.cases:
        best[case["name"]] = max(best.get(case["name"], 0), case["ops_per_s"])
    result = {"version": version, "seed": SEED, "batch": BATCH, "settings": settings, "best_ops_per_s": best,
              "cpu_from": "/proc/PID/stat, user and system, all processes of the server; client: rusage of psql or pgbench",
              "cases": bench.cases}
    print(json.dumps({"postgres": result}))


if __name__ == "__main__":
    main()
