"""Reads an archive as other programs do, and compares its counts by class, organization and day with `jumpseat sql`.

`read_archive.sh` installs what this needs and runs it.

Usage: read_archive.py --jumpseat PROGRAM [--folder DIR] [--without spark,s3]

Makes a demonstration with PROGRAM, an archive of it in a folder, and one in an S3-compatible server (moto) on this machine;
then DuckDB and Spark read both. Prints a line for each, and ends with 1 if any differs from the ledger.
Needs what `archive-requirements.txt` names (Spark and the server only if they are not left out), and Java for Spark.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
REGION = "eu-central-1"
BUCKET = "archive"
EVENTS = "SELECT class_uid, org_id, day, hour, COUNT(*) AS events FROM events GROUP BY class_uid, org_id, day, hour"
COLUMNS = ["class", "org_id", "day", "uid", "filed"]
SEALED = "SELECT org_id, hour FROM windows WHERE state = 'sealed'"


class Program:
    """Jumpseat with a data directory."""

    def __init__(self, path, folder):
        self.command = [path, "--data-dir", str(folder / "data"), "--allow-loopback-upstream"]
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("JUMPSEAT_", "AWS_"))}

    def __call__(self, *arguments, env=None):
        run = subprocess.run([*self.command, *arguments, "--output", "json"], stdout=subprocess.PIPE, text=True,
                             env={**self.environment, **(env or {})})
        if run.returncode:
            sys.exit(f"jumpseat {' '.join(arguments)} ended with {run.returncode}")
        return json.loads(run.stdout) if run.stdout.strip() else None


def counts_of_jumpseat(jumpseat):
    """Only sealed hours are archived, so only they are counted."""
    sealed = {(window["org_id"], window["hour"]) for window in jumpseat("sql", SEALED)}
    counts = Counter()
    for row in jumpseat("sql", EVENTS):
        if (row["org_id"], row["hour"]) in sealed:
            counts[row["class_uid"], row["org_id"], row["day"]] += row["events"]
    return dict(counts)


def duckdb_counts(files, filesystem=None):
    import duckdb

    connection = duckdb.connect()
    if filesystem is not None:
        connection.register_filesystem(filesystem)
    rows = connection.execute(f"""
        SELECT class, org_id, CAST(day AS VARCHAR), COUNT(*), COUNT(DISTINCT metadata.uid),
               COUNT(*) FILTER (class_uid <> class OR CAST(filed AS DATE) <> day) FROM (
          SELECT class, org_id, day, class_uid, metadata, metadata.logged_time AT TIME ZONE 'UTC' AS filed FROM read_parquet('{files}',
            hive_partitioning = true, hive_types = {{'class': INTEGER, 'org_id': VARCHAR, 'day': DATE}})
        ) GROUP BY ALL""").fetchall()
    wrong = [row for row in rows if row[3] != row[4] or row[5]]
    if wrong:
        sys.exit(f"DuckDB finds events twice or in a wrong place: {wrong[:3]}")
    return {row[:3]: row[3] for row in rows}


@contextmanager
def spark():
    from pyspark.sql import SparkSession

    # Its workers have the same packages as this program.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    session = (SparkSession.builder.master("local[2]").appName("archive").config("spark.ui.enabled", "false")
               .config("spark.ui.showConsoleProgress", "false").config("spark.sql.session.timeZone", "UTC")
               .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
               .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false").getOrCreate())
    session.sparkContext.setLogLevel("ERROR")
    try:
        yield session
    finally:
        session.stop()


def spark_counts(folder):
    """Spark's own reader of Parquet, on a folder."""
    with spark() as session:
        return counted_by_spark(session.read.parquet(str(folder)).selectExpr(
            "class", "org_id", "day", "metadata.uid AS uid", "date_format(metadata.logged_time, 'yyyy-MM-dd') AS filed"))


def spark_counts_of_bucket(endpoint, objects):
    """Spark's tasks read the objects from the server, each its share. (Spark's own client of S3 comes from Maven and not from
    PyPI, so they use Arrow's.)"""

    def read(batches):
        import pyarrow as pa
        from pyarrow import fs, parquet

        bucket = fs.S3FileSystem(access_key=KEYS["AWS_ACCESS_KEY_ID"], secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
                                 region=REGION, endpoint_override=endpoint, scheme="http")
        for batch in batches:
            for path in batch.column(0).to_pylist():
                metadata = parquet.read_table(path, filesystem=bucket, partitioning=None, columns=["metadata"])["metadata"]
                keys = dict(part.split("=", 1) for part in path.split("/") if "=" in part)
                for chunk in metadata.chunks:
                    filed = [at.strftime("%Y-%m-%d") for at in chunk.field("logged_time").to_pylist()]
                    same = [pa.array([keys[name]] * len(chunk)) for name in ("class", "org_id", "day")]
                    yield pa.RecordBatch.from_arrays([*same, chunk.field("uid"), pa.array(filed, pa.string())], COLUMNS)

    with spark() as session:
        paths = session.createDataFrame([(path,) for path in objects], "path string").repartition(8)
        return counted_by_spark(paths.mapInArrow(read, ", ".join(f"{name} string" for name in COLUMNS)))


def counted_by_spark(events):
    from pyspark.sql import functions

    rows = events.groupBy("class", "org_id", "day").agg(
        functions.count("*").alias("events"), functions.countDistinct("uid").alias("different"),
        functions.sum((functions.col("day") != functions.col("filed")).cast("int")).alias("misplaced"),
    ).collect()
    wrong = [row for row in rows if row["events"] != row["different"] or row["misplaced"]]
    if wrong:
        sys.exit(f"Spark finds events twice or in a wrong place: {wrong[:3]}")
    return {(int(row["class"]), row["org_id"], row["day"]): row["events"] for row in rows}


def start_server():
    """An S3-compatible server with an empty bucket, and a file system of it."""
    import s3fs
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    os.environ.update(KEYS)
    filesystem = s3fs.S3FileSystem(endpoint_url=endpoint, client_kwargs={"region_name": REGION})
    filesystem.mkdir(BUCKET)
    return server, endpoint, filesystem


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--jumpseat", required=True)
    arguments.add_argument("--folder", type=Path)
    arguments.add_argument("--without", default="")
    arguments = arguments.parse_args()
    without = set(arguments.without.split(",")) - {""}
    with tempfile.TemporaryDirectory() as scratch:
        sys.exit(compare(arguments.jumpseat, arguments.folder or Path(scratch), without))


def compare(program, folder, without):
    jumpseat = Program(program, folder)
    jumpseat("demo", "--once")
    local = folder / "archive"
    jumpseat("archive", "add", "local", str(local))
    jumpseat("archive", "run", "local")
    verified = jumpseat("archive", "verify", "local")[0]
    expected = counts_of_jumpseat(jumpseat)
    print(f"jumpseat sql: {sum(expected.values())} events in {len(expected)} partitions; "
          f"{verified['objects']} objects, {verified['hours_proven']} hours proven")
    results = []

    def reads(name, counts):
        begun = time.perf_counter()
        found = counts()
        is_same = found == expected
        results.append(is_same)
        print(f"{name}: {'the same' if is_same else 'DIFFERENT'} ({sum(found.values())} events in {len(found)} partitions, "
              f"{time.perf_counter() - begun:.1f} s)")
        if not is_same:
            keys = sorted(set(found.items()) ^ set(expected.items()))
            print(f"  for example {keys[:3]}")

    reads("DuckDB, folder", lambda: duckdb_counts(f"{local}/**/*.parquet"))
    if "spark" not in without:
        reads("Spark, folder", lambda: spark_counts(local))
    if "s3" not in without:
        server, endpoint, filesystem = start_server()
        try:
            jumpseat("archive", "add", "bucket", f"s3://{BUCKET}/events", "--region", REGION, "--endpoint", endpoint, env=KEYS)
            jumpseat("archive", "run", "bucket", env=KEYS)
            jumpseat("archive", "verify", "bucket", env=KEYS)
            reads("DuckDB, S3", lambda: duckdb_counts(f"s3://{BUCKET}/events/**/*.parquet", filesystem))
            if "spark" not in without:
                objects = filesystem.find(f"{BUCKET}/events")
                reads("Spark, S3", lambda: spark_counts_of_bucket(endpoint.removeprefix("http://"), objects))
        finally:
            server.stop()
    return 0 if all(results) else 1


if __name__ == "__main__":
    main()
