#!/usr/bin/env python3
"""Makes the pictures of docs/console.md anew, from a small demonstration.

    python3 tests/console/pictures.py target/release/jumpseat docs/pictures

Needs `playwright` from PyPI and a Chromium (CHROMIUM, or /usr/bin/chromium).
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from demonstration import base_of, chromium, demonstration

# What is pictured, where it is, how many tables are clicked through until it is there, and in which scheme.
PICTURES = [
    ("overview", "/", 0, "light"),
    ("connection", "/connections", 1, "light"),
    ("finding", "/findings?severity=high", 2, "light"),
    ("asset", "/assets?type=user&with=findings", 1, "dark"),
    ("framework", "/frameworks", 1, "light"),
    ("event", "/events", 1, "dark"),
]


def main():
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    with demonstration(sys.argv[1]) as link, sync_playwright() as playwright:
        browser = chromium(playwright)
        context = browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
        page = context.new_page()
        page.goto(link)
        for name, path, clicks, scheme in PICTURES:
            page.emulate_media(color_scheme=scheme)
            page.goto(f"{base_of(link)}{path}")
            for _ in range(clicks):
                page.locator("tbody a").first.click()
                page.wait_for_load_state()
            page.screenshot(path=folder / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
