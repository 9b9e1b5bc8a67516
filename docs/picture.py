"""Makes the picture of the terminal: runs the demonstration, and puts what it printed into docs/demo.svg and README.md.

    cargo build --release && python3 docs/picture.py target/release/jumpseat
"""

import html
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
COMMAND = "jumpseat demo --once"
LINE, LETTER, MARGIN, WIDEST = 18, 7.8, 16, 112
COLORS = {"text": "#d0d7de", "quiet": "#8b949e", "good": "#7ee787", "bad": "#ffa657", "name": "#79c0ff"}


def run(program):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [program, "demo", "--once", "--output", "table"],
            env={**os.environ, "XDG_DATA_HOME": folder},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return done.stdout.replace(program, "jumpseat").rstrip().splitlines()


def color(line):
    if line.startswith("  proven") or "complete in" in line and "incomplete" not in line:
        return "good"
    if line.startswith("  missing") or "incomplete in" in line or "DIFFERENT" in line:
        return "bad"
    if line.startswith("  without"):
        return "quiet"
    return "name" if line and not line.startswith(" ") and line.endswith(")") and "(5" in line else "text"


def folded(line):
    return [line] if len(line) <= WIDEST else [line[: WIDEST - 1] + "…"]


def picture(lines):
    rows = [("text", f"$ {COMMAND}")] + [(color(line), part) for line in lines for part in folded(line)]
    width = int(MARGIN * 2 + LETTER * max(len(text) for _, text in rows))
    height = MARGIN * 2 + LINE * len(rows)
    texts = "\n".join(
        f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 13}" fill="{COLORS[kind]}">{html.escape(text)}</text>'
        for number, (kind, text) in enumerate(rows)
        if text
    )
    return f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">
<title>{COMMAND}</title>
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" xml:space="preserve">
{texts}
</g>
</svg>
"""


def main():
    lines = run(sys.argv[1])
    (ROOT / "docs/demo.svg").write_text(picture(lines))
    readme = ROOT / "README.md"
    block = "\n".join(["<!-- made by docs/picture.py -->", "```text", f"$ {COMMAND}", *lines, "```", "<!-- end -->"])
    text = re.sub(r"<!-- made by docs/picture\.py -->.*?<!-- end -->", lambda _: block, readme.read_text(), flags=re.S)
    readme.write_text(text)


main()
