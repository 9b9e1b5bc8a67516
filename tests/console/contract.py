#!/usr/bin/env python3
"""Holds the REST API of a demonstration against its own OpenAPI document, with thousands of made-up requests.

    python3 tests/console/contract.py target/release/jumpseat      # or the link that a running demonstration has printed

Needs `schemathesis` from PyPI beside this Python. Fails when an answer is an error of the server, is not as the document says,
when nonsense is accepted, or when what the document allows is refused. Half of the requests name things that are there.
`.ci/run` does it.
"""

import json
import re
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

from demonstration import base_of, demonstration, token_of

# Enough to find what is wrong, few enough to be done in a minute and a half. The same requests each time.
OPTIONS = [
    "--max-examples=40",
    "--seed=7",
    # Python before 3.12 may fail to read its own source in two threads at once, and Hypothesis reads it.
    "--workers=1",
    "--rate-limit=45/s",
    "--request-timeout=30",
    "--checks=all",
    "--phases=examples,coverage,fuzzing",
]


def there(base, token):
    """Things that the API knows, by the places in which its paths and headers name them."""

    def ask(path, body=None):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return urlopen(Request(f"{base}/api/v1{path}", json.dumps(body).encode() if body else None, headers))

    def items(path):
        return json.load(ask(path))["items"]

    connection = items("/connections")[0]
    id, org = connection["id"], connection["org_id"]
    today = datetime.now(UTC).date().isoformat()
    pack = {"framework": items("/frameworks")[0]["id"], "org_id": org, "from": today, "to": today}
    return {
        # Until something of it is changed this is its version.
        "connections": {"path.id": id, "header.If-Match": ask(f"/connections/{id}").headers["ETag"]},
        "runs": {"path.number": items(f"/connections/{id}/runs")[0]["id"]},
        "assets": {
            "path.kind": "user",
            "path.org_id": org,
            "path.id": items(f"/assets/user?org={org}&limit=1")[0]["id"],
            "query.org": org,
        },
        "findings": {"path.number": items("/findings?limit=1")[0]["number"]},
        "checks": {"path.id": items("/checks")[0]["id"]},
        "frameworks": {"path.id": pack["framework"], "query.org": org},
        "evidence/packs": {"path.number": json.load(ask("/evidence/packs", pack))["number"]},
        "events": {"path.org_id": org, "path.id": items(f"/events?org={org}&limit=1")[0]["id"]},
    }


# What is well-formed can still be refused: the thing is not there, or another version of it, or JumpCloud is away. That it
# could not be read (400) is never an answer to what the document allows. A change of no version is refused as such (428), and
# only so. No name has a NUL in it.
REFUSALS = """
[generation]
allow-x00 = false
[checks.positive_data_acceptance]
expected-statuses = ["2xx", 304, 401, 403, 404, 409, 412, 422, 428, 502]
[checks.missing_required_header]
expected-statuses = [428]
"""


def settings(known):
    """Half of the values that have a name in paths and headers, and of the organizations that are asked for, are of things
    that are there."""
    lines = [REFUSALS]
    for noun, places in known.items():
        bound = []
        for place, value in places.items():
            name = re.sub(r"\W", "-", f"{noun}-{place}")
            lines.append(f"[dictionaries.{name}]\nvalues = {json.dumps([value])}")
            bound.append(f'"{place}" = {{ dictionary = "{name}", probability = 0.5 }}')
        path = f"^/api/v1/{noun}/[^/]*[{{]"
        lines.append(f"[[operations]]\ninclude-path-regex = '{path}'\nparameters = {{ {', '.join(bound)} }}")
    return "\n".join(lines)


def main():
    with demonstration(sys.argv[1]) as link, tempfile.TemporaryDirectory() as folder:
        base, token = base_of(link), token_of(link)
        config = Path(folder) / "schemathesis.toml"
        config.write_text(settings(there(base, token)))
        program = Path(sys.executable).with_name("schemathesis")
        url = f"{base}/api/v1/openapi.json"
        command = [program, "--config-file", config, "run", url, "-H", f"Authorization: Bearer {token}", *OPTIONS]
        code = subprocess.run(command, cwd=folder).returncode
    sys.exit(code)


if __name__ == "__main__":
    main()
