"""What a user would write today: a `requests` loop over GET /api/systemusers into SQLite.

Usage: requests_loop.py URL KEY DATABASE. Prints one JSON line: {"rows": n, "seconds": s}.
"""

import json
import sqlite3
import sys
import time

import requests

url, key, path = sys.argv[1:4]
begun = time.monotonic()
session = requests.Session()
session.headers["x-api-key"] = key
database = sqlite3.connect(path)
database.execute("PRAGMA journal_mode = WAL")
database.execute(
    "CREATE TABLE users (id TEXT PRIMARY KEY, username TEXT, email TEXT, state TEXT, suspended INTEGER, mfa INTEGER, raw TEXT)"
)
skip = 0
while True:
    answer = session.get(f"{url}/api/systemusers", params={"limit": 100, "skip": skip, "sort": "_id"})
    answer.raise_for_status()
    rows = answer.json()["results"]
    if not rows:
        break
    database.executemany(
        "INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET raw = excluded.raw",
        [
            (
                row["_id"],
                row.get("username"),
                row.get("email"),
                row.get("state"),
                row.get("suspended"),
                (row.get("mfa") or {}).get("configured"),
                json.dumps(row),
            )
            for row in rows
        ],
    )
    database.commit()
    skip += 100
count = database.execute("SELECT COUNT(*) FROM users").fetchone()[0]
print(json.dumps({"rows": count, "seconds": time.monotonic() - begun}))
