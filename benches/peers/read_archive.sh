#!/usr/bin/env bash
# Installs what read_archive.py needs (as root also Java, from Debian) and runs it with the program as it is built here. Options
# of read_archive.py may follow.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

cargo build --release --locked
if ! command -v java >/dev/null; then
  apt-get update -q
  DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends default-jre-headless
fi
tools=target/read-archive
[ -x "$tools/bin/pip" ] || python3 -m venv "$tools"
"$tools/bin/pip" install --quiet --disable-pip-version-check -r benches/peers/archive-requirements.txt
exec "$tools/bin/python" benches/peers/read_archive.py --jumpseat target/release/jumpseat "$@"
