"""Measurements beside the loads: start-up, memory for awkward inputs, the way through a bastion."""

import fcntl
import os
import pathlib
import statistics
import subprocess
import time

import records
from bastion import Bastion
from bench import MIB, SCHEMA, configured, made_by, median, spread
from server import free_port, say

WIDE = records.SETS["wide"].properties


def start(bench):
    """How long `spec` takes, and its memory."""
    command = [bench.connector, "spec"]
    walls = []
    for _ in range(20):
        begin = time.monotonic()
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
        walls.append((time.monotonic() - begin) * 1000)
    return f"`spec`: {spread(walls, '{:.1f}')} ms from start to exit (20 runs), {spec_peak(bench) / MIB:.1f} MB."


def spec_peak(bench):
    """The peak when all output is made: the program waits at a pipe that is too small for it."""
    read, write = os.pipe()
    fcntl.fcntl(write, 1031, 4096)  # F_SETPIPE_SZ
    child = subprocess.Popen([bench.connector, "spec"], stdin=subprocess.DEVNULL, stdout=write)
    os.close(write)
    time.sleep(0.5)
    status = pathlib.Path("/proc", str(child.pid), "status").read_text()
    with open(read, "rb") as rest:
        rest.read()
    child.wait()
    peaks = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")]
    return peaks[0] if peaks else float("nan")


def memory(bench):
    print(f"Peak memory of the connector, PostgreSQL {bench.server.version}:\n")
    print("| input | wall s | client CPU s | peak memory MB |")
    print("|---|--:|--:|--:|")
    stream = records.STREAM
    for title, streams, source in (
        ("1,000,000 wide records", [stream], bench.lines("wide", 1_000_000)),
        ("2,000 streams of 50 wide records, interleaved", [f"s{n}" for n in range(2000)], made_by("interleaved")),
        ("300 records with an object of 5 MB", [stream], made_by("large_objects")),
        ("300 records with a text of 5 MB", [stream], made_by("large_texts")),
        ("3 records with a text of 64 MiB", [stream], made_by("huge_texts")),
    ):
        say(title)
        s = bench.write({"streams": [configured(name, WIDE, "append") for name in streams]}, source)
        # not all in one transaction: each takes locks
        for at in range(0, len(streams), 50):
            tables = ", ".join(f"{SCHEMA}.{name}" for name in streams[at:at + 50])
            bench.server.sql(f"DROP TABLE {tables}", database="bench")
        print(f"| {title} | {s.wall:.1f} | {s.client_cpu:.1f} | {s.peak / MIB:.0f} |", flush=True)
    print()


def ssh(bench):
    """The same append directly and through a bastion, taking turns."""
    rows, runs = bench.options.rows, bench.options.runs
    source = bench.lines("wide", rows)
    append = {"streams": [configured(records.STREAM, WIDE, "append")]}
    bastion = Bastion(free_port())
    ways = {"directly": {}, "through the bastion": {"tunnel_method": bastion.tunnel()}}
    samples = {way: [] for way in ways}
    forwarded = []

    def load(way):
        bench.configure(ways[way])
        before = bastion.cpu_seconds()
        sample = bench.write(append, source)
        bench.expect_rows(f"{SCHEMA}.{records.STREAM}", rows)
        bench.drop()
        return sample, bastion.cpu_seconds() - before

    try:
        for way in ways:
            load(way)
        for run in range(runs):
            say(f"run {run + 1} of {runs}")
            for way in sorted(ways, reverse=run % 2 == 1):
                sample, sshd = load(way)
                samples[way].append(sample)
                if ways[way]:
                    forwarded.append(sshd)
    finally:
        bastion.close()
    direct, tunnelled = samples.values()
    print(f"{rows:,} records, append; PostgreSQL {bench.server.version}, {bastion.version}, all on one machine with "
          f"{os.cpu_count()} processors; medians of {runs} runs (least to most).\n")
    print("| way | wall s | client CPU s | server CPU s | sshd CPU s |\n|---|--:|--:|--:|--:|")
    for way, these in samples.items():
        cells = [way, spread([s.wall for s in these], "{:.2f}")]
        cells += [f"{median(these, of):.2f}" for of in ("client_cpu", "server_cpu")]
        cells.append(f"{statistics.median(forwarded):.2f}" if ways[way] else "")
        print("| " + " | ".join(cells) + " |")
    ratios = [d.wall / t.wall for d, t in zip(direct, tunnelled)]
    print(f"\nThroughput through the bastion ÷ directly: {spread(ratios, '{:.2f}')}.\n")
