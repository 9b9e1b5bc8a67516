"""Normalizing side by side: this program, Python with orjson, jq, and the remap language of Vector, on one core each.

Usage: run_normalize.py [--target DIR] [--events N] [--without jq,vrl,orjson]

Builds what is missing (cargo), makes the events, checks that all write the same (jq without hashes: it knows none),
measures each with the same events, and prints events a second, the ratio, and the most memory. The slow ones get fewer
of the events; each is long enough not to measure its start.
"""

import argparse
import csv
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "benches/peers"
COMPARED = 5_000
SHARES = {"jumpseat": 1.0, "orjson": 0.2, "vrl": 0.1, "jq": 0.02}


def build(target):
    """The benchmark's program, which is the filter too."""
    return executable(["bench", "-p", "ocsf", "--bench", "normalize", "--no-run"], ROOT, target, "normalize")


def build_vrl(target):
    return executable(["build", "--release"], PEERS / "vrl", target, "ocsf-vrl")


def executable(command, folder, target, name):
    command = ["cargo", *command, "-q", "--message-format", "json"]
    out = subprocess.run(command, cwd=folder, env={**os.environ, "CARGO_TARGET_DIR": target}, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return next(message["executable"] for message in map(json.loads, out.splitlines())
                if message.get("executable") and message["target"]["name"] == name)


def write_table(path):
    """The table of event types, as jq and VRL want it."""
    table = {}
    for line in csv.DictReader((ROOT / "crates/ocsf/src/event_types.csv").open()):
        for name in ("class_uid", "activity_id", "severity_id", "entity_type_id"):
            line[name] = int(line[name] or 0)
        table[line["event_type"]] = line
    path.write_text(json.dumps(table))


def run(command, out):
    """Seconds and the most memory in MiB, on one core."""
    if shutil.which("taskset"):
        command = ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command]
    most = 0
    begun = time.perf_counter()
    with open(out, "wb") as sink:
        child = subprocess.Popen(command, stdout=sink)
        while child.poll() is None:
            most = max(most, peak_memory(child.pid))
            time.sleep(0.02)
    seconds = time.perf_counter() - begun
    if child.returncode:
        sys.exit(f"{command} failed")
    return seconds, most


def peak_memory(pid):
    """The most memory of a process since it began its program, in MiB. (wait4 counts what forked it, too.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def comparable(event):
    # The remap language keeps the members of an object sorted, and factors are listed as the event's object has them.
    if "auth_factors" in event:
        event["auth_factors"].sort(key=lambda factor: factor["factor_type"])
    return event


def without_hashes(event):
    event["metadata"].pop("uid", None)
    event.pop("raw_data_hash", None)
    return event


def same(ours, theirs, has_hashes):
    """How many events both wrote alike; stops at the first that differs."""
    count = 0
    for one, other in zip(open(ours), open(theirs)):
        one, other = comparable(json.loads(one)), comparable(json.loads(other))
        if not has_hashes:
            one, other = without_hashes(one), without_hashes(other)
        if one != other:
            differing = [key for key in {*one, *other} if one.get(key) != other.get(key)]
            sys.exit(f"{theirs}: not the same in {differing}: {[(one.get(k), other.get(k)) for k in differing]}")
        count += 1
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", default=str(ROOT / "target"))
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--without", default="")
    options = parser.parse_args()
    left_out = set(filter(None, options.without.split(",")))
    program = build(options.target)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        raw, table, few = folder / "raw.jsonl", folder / "table.json", folder / "few.jsonl"
        subprocess.run([program, "--write", raw, str(options.events)], check=True)
        write_table(table)
        with raw.open("rb") as lines:
            few.write_bytes(b"".join(itertools.islice(lines, COMPARED)))
        commands = {
            "jumpseat": lambda file: [program, "--filter", str(file)],
            "orjson": lambda file: [sys.executable, str(PEERS / "ocsf_orjson.py"), str(file)],
            "jq": lambda file: ["jq", "-c", "-R", "--slurpfile", "table", str(table), "-f", str(PEERS / "ocsf.jq"),
                                str(file)],
        }
        if "vrl" not in left_out:
            vrl = build_vrl(options.target)
            commands["vrl"] = lambda file: [vrl, str(PEERS / "vrl/normalize.vrl"), str(table), str(file)]
        results = {}
        for name in [name for name in SHARES if name in commands and name not in left_out]:
            run(commands[name](few), folder / f"{name}.few")
            if name != "jumpseat":
                alike = same(folder / "jumpseat.few", folder / f"{name}.few", name != "jq")
                print(f"{name}: writes the same for {alike} of {COMPARED} events"
                      + ("" if name != "jq" else ", uid and hash left out"), flush=True)
            count = int(options.events * SHARES[name])
            part = folder / "part.jsonl"
            with raw.open("rb") as lines, part.open("wb") as some:
                some.writelines(itertools.islice(lines, count))
            rounds = [run(commands[name](part), os.devnull) for _ in range(3)]
            results[name] = (count / min(seconds for seconds, _ in rounds), max(memory for _, memory in rounds), count)
        ours = results["jumpseat"][0]
        print(f"{'program':10} {'events':>9} {'events/s':>10} {'ratio':>7} {'MiB':>6}")
        for name, (rate, memory, count) in results.items():
            print(f"{name:10} {count:9} {rate:10.0f} {ours / rate:6.1f}x {memory:6.1f}")


if __name__ == "__main__":
    main()
