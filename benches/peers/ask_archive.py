"""Asks the same of Jumpseat and, through DuckDB, of the archive of the same events; prints a Markdown table of both.

Usage: ask_archive.py --jumpseat PROGRAM --data-dir DIR --archive DIR

DIR holds one organization's events, and the archive is a folder with the layout `hive` that `archive run` has filled from
them. Jumpseat's times include the start of the program, DuckDB's are those of a connection that is open, with the files'
footers read before. Each question is asked five times; the median is told, and that both found as many rows or events.
Needs `duckdb`, as `archive-requirements.txt` names it.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

import duckdb


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--jumpseat", "--data-dir", "--archive"):
        arguments.add_argument(name, required=True)
    arguments = arguments.parse_args()
    database = duckdb.connect()
    database.execute("SET timezone = 'UTC'")
    database.execute(f"""
        CREATE VIEW archive AS SELECT * FROM read_parquet('{arguments.archive}/**/*.parquet', hive_partitioning = true,
            hive_types = {{'class': INTEGER, 'org_id': VARCHAR, 'day': DATE}})""")

    def jumpseat(*command):
        run = subprocess.run([arguments.jumpseat, "--data-dir", arguments.data_dir, *command], stdout=subprocess.PIPE, text=True)
        if run.returncode:
            sys.exit(f"jumpseat {' '.join(command)} ended with {run.returncode}")
        return run.stdout

    def sql(text):
        return len(json.loads(jumpseat("sql", text, "-o", "json", "--limit", "1000000")))

    def events(*command):
        return jumpseat("event", *command, "-o", "jsonl").count("\n")

    def found(text):
        return len(database.execute(text).fetchall())

    sealed = json.loads(jumpseat("sql", "SELECT MIN(hour) AS first, MAX(hour) AS last, SUM(stored) AS events FROM windows "
                                        "WHERE state = 'sealed'", "-o", "json"))[0]
    day = sealed["last"][:10]
    user, uid = database.execute(
        "SELECT user.name, metadata.uid FROM archive WHERE class = 3002 AND day = ? ORDER BY metadata.uid LIMIT 1", [day]).fetchone()
    span = ("--from", sealed["first"], "--to", sealed["last"][:14] + "59:59.999Z")
    of_user = f"FROM archive WHERE user.name = '{user}' OR actor.user.name = '{user}'"
    questions = [
        ("failed sign-ins by user on a day",
         lambda: sql(f"SELECT user_name, COUNT(*) FROM logins WHERE outcome = 'failure' AND day = '{day}' GROUP BY user_name"),
         lambda: found(f"SELECT user.name, COUNT(*) FROM archive WHERE class = 3002 AND status_id = 2 AND day = '{day}' GROUP BY ALL")),
        ("the newest 100 events of one user, with their texts",
         lambda: events("search", "--user", user, "--limit", "100", *span),
         lambda: found(f"SELECT time, metadata.uid, raw_data {of_user} ORDER BY time DESC LIMIT 100")),
        ("one event by its uid and its day",
         lambda: sql(f"SELECT * FROM events WHERE uid = '{uid}' AND day = '{day}'"),
         lambda: found(f"SELECT * FROM archive WHERE metadata.uid = '{uid}' AND day = '{day}'")),
        ("counts by class and day",
         lambda: sql("SELECT day, class_uid, SUM(events) FROM event_counts GROUP BY day, class_uid"),
         lambda: found("SELECT day, class, COUNT(*) FROM archive GROUP BY ALL")),
        ("all events of one user, with their texts",
         lambda: events("export", "--user", user, *span),
         lambda: found(f"SELECT time, metadata.uid, raw_data {of_user}")),
        ("a scan of all: events by outcome",
         lambda: sql("SELECT outcome, COUNT(*) FROM events GROUP BY outcome"),
         lambda: found("SELECT status_id, COUNT(*) FROM archive GROUP BY ALL")),
    ]
    print(f"| {sealed['events']:,} events | Jumpseat, ms | DuckDB {duckdb.__version__} on the archive, ms | found |")
    print("| --- | --: | --: | --: |")
    for name, ours, theirs in questions:
        (took, rows), (peer_took, peer_rows) = timed(ours), timed(theirs)
        rows = f"{rows:,}" if rows == peer_rows else f"{rows:,} and {peer_rows:,}"
        print(f"| {name} | {took:,.0f} | {peer_took:,.0f} | {rows} |", flush=True)


def timed(ask):
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        rows = ask()
        took.append((time.perf_counter() - begun) * 1000)
        if sum(took) > 60_000:
            break
    return statistics.median(took), rows


if __name__ == "__main__":
    main()
