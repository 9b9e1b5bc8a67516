#!/usr/bin/env python3
"""Looks at every page of the console in a real browser, in a demonstration whose names attack whoever shows them.

    AXE=node_modules/axe-core/axe.min.js python3 tests/console/tour.py target/release/jumpseat
    python3 tests/console/tour.py target/release/jumpseat SCREENSHOTS

Hostile text is typed into forms, too. Then links are followed as long as they lead to another kind of page, those with hostile
words first, and every search is asked for hostile text. No script of a name may run, the policy may not be broken, no other
host may be asked, and nothing may answer with an error. Every page that the router has must have been seen. One page of each
route is then held against its window at three widths, which it may not be wider than, and against WCAG 2.2 AA with `axe-core`
from npm (AXE), in light and in dark, wide and narrow.

With SCREENSHOTS, a folder, the demonstration is an ordinary one, and pictures of each route at each width in light and in dark
are kept there; AXE may be left out.

`.ci/run` does the first. Needs `playwright` from PyPI and a Chromium (CHROMIUM, or /usr/bin/chromium).
"""

import os
import re
import sys
import time
from collections import Counter, deque
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from playwright.sync_api import sync_playwright

from demonstration import base_of, chromium, demonstration, finish, pages_of_the_router, watch

# What is seen by whoever is not signed in, or has gone astray.
OUTSIDE = ("/sign-in", "/nothing-is-here")
WIDTHS = (390, 1024, 1440)
SCHEMES = ("light", "dark")
# Of each kind of page so many are looked at; of what has a name that others chose more.
MOST = 1
MORE = {"/assets/{kind}/{org_id}/{*id}": 3, "/findings/{number}": 4, "/events/{org_id}/{uid}": 4, "/connections/{id}": 3}
ATTACK = """"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'--javascript:alert(3)"""
HOSTILE = re.compile(r"<script|onerror|javascript:", re.IGNORECASE)
# Where a page leads to: its links with what they say, and its searches asked for hostile text. A link in a picture has an
# object as its `href`.
LOOK = """attack => ({
  text: document.body.textContent,
  links: [...document.querySelectorAll("a[href]")].map(one =>
    [new URL(one.getAttribute("href"), document.baseURI).href, one.textContent]),
  searches: [...document.querySelectorAll("form[method=get]")].map(form =>
    form.action.split("?")[0] + "?" + new URLSearchParams([...form.elements].filter(field => field.name).map(field =>
      [field.name, ["text", "search", "textarea"].includes(field.type) ? attack : field.value]).filter(([, value]) => value))),
})"""


def type_hostile_text(page, base):
    """Puts hostile text wherever people can type something that is kept."""
    page.goto(f"{base}/connections")
    page.locator("tbody a").first.click()
    page.get_by_role("link", name="Settings").click()
    for label in ("Connection Name", "Description", "Owner", "Collector"):
        page.get_by_label(label, exact=False).first.fill(ATTACK[:90])
    page.get_by_role("button", name="Save").click()
    page.goto(f"{base}/findings?view=flat")
    page.locator("tbody a").first.click()
    for act, label in (("Assign", "Assignee"), ("Accept", "Rationale")):
        page.locator("summary", has_text=act).first.click()
        page.get_by_label(label).fill(ATTACK)
        page.get_by_role("button", name=act, exact=True).click()
    page.goto(f"{base}/account")
    page.get_by_label("What it is for").fill(ATTACK)
    page.get_by_role("button", name="Make the token").click()


def kinds_of(route, link):
    """What is new about a page: another type of asset, or a filter. Filters together are nothing new."""
    url = urlsplit(link)
    query = dict(parse_qsl(url.query))
    asset = url.path.split("/")[2] if route.startswith("/assets/") else query.get("type") if route == "/assets" else None
    return [(route, asset, name) for name in query or [None]]


def crawl(page, base, routes, wrongs, expected):
    """Follows links, and gives back one address for every route that was seen. `expected` is told what may be refused."""
    seen, count, first, hostile = set(), Counter(), {}, 0
    # Nothing leads to what an administrator alone needs by its number, but the list of people.
    waiting = deque([f"{base}/", f"{base}/account", f"{base}/administration"])
    while waiting:
        link = waiting.popleft()
        path = urlsplit(link).path
        route = next((route for route, pattern in routes if pattern.match(path)), None)
        if link in seen or route is None:
            continue
        kinds = kinds_of(route, link)
        if all(count[kind] >= MORE.get(route, MOST) for kind in kinds):
            continue
        seen.add(link)
        count.update(kinds)
        # What was asked for in hostile words may be refused in clear ones, but not fail.
        may_be_refused = "onerror" in link
        expected.update([link] if may_be_refused else [])
        answer = page.goto(link)
        if answer.status >= 500 or (answer.status >= 400 and not may_be_refused):
            wrongs.append(f"{link}: answers {answer.status}")
        if answer.status < 400:
            first.setdefault(route, link)
        found = page.evaluate(LOOK, ATTACK)
        hostile += bool(HOSTILE.search(found["text"]))
        if "{{7*7}}" not in found["text"] and re.search(r"img src=x.*49'", found["text"]):
            wrongs.append(f"{link}: a template was run")
        links = found["links"] + [(search, "") for search in found["searches"]]
        for address, words in links:
            address = address.split("#")[0]
            if address.startswith(base + "/") and "format=" not in address:
                (waiting.appendleft if HOSTILE.search(words) else waiting.append)(address)
    print(f"{len(seen)} pages, {hostile} of them with hostile words, {len(first)} of {len(routes)} routes")
    return first, hostile


def accessible(page, wrongs, what):
    """Holds a page against WCAG 2.2 AA, as far as a program can."""
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = page.evaluate("tags => axe.run(document, {runOnly: tags, resultTypes: ['violations']})", tags)
    if not found["passes"]:
        wrongs.append(f"{page.url} ({what}): nothing was held against it")
    for violation in found["violations"]:
        nodes = violation["nodes"]
        wrongs.append(f"{page.url} ({what}): {violation['id']}, {len(nodes)} times: {nodes[0]['html'][:200]}")


def look_at(page, address, name, shots, wrongs):
    """One page at every width, in light and in dark."""
    page.goto(address)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wide > 0:
            wrongs.append(f"{address} is {wide} px too wide at {width}")
        for scheme in SCHEMES if shots else ():
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=shots / f"{name}-{width}-{scheme}.png", full_page=True)
    if "AXE" in os.environ:
        for width, scheme in ((WIDTHS[-1], "light"), (WIDTHS[0], "dark")):
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            accessible(page, wrongs, f"{width} px, {scheme}")


def main():
    shots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    if shots:
        shots.mkdir(parents=True, exist_ok=True)
    elif "AXE" not in os.environ:
        sys.exit("AXE names no axe.min.js: npm install axe-core, and AXE=node_modules/axe-core/axe.min.js")
    routes, wrongs, expected = pages_of_the_router(), [], set()
    began = time.monotonic()
    with demonstration(sys.argv[1], *([] if shots else ["--hostile"])) as link, sync_playwright() as playwright:
        base = base_of(link)
        browser = chromium(playwright)
        # A color that is on its way to another is neither.
        options = {"viewport": {"width": 1440, "height": 900}, "reduced_motion": "reduce"}
        context = browser.new_context(**options)
        context.set_default_timeout(60_000)
        page = context.new_page()
        watch(page, base, wrongs, expected)
        page.goto(link)
        if not shots:
            type_hostile_text(page, base)
        first, hostile = crawl(page, base, routes, wrongs, expected)
        print(f"followed after {time.monotonic() - began:.0f} s")
        if not shots and not hostile:
            wrongs.append("no page has hostile words: this tour proves nothing")
        wrongs.extend(f"{path}: no link leads there" for path, _ in routes if path not in first)
        strangers = browser.new_context(**options)
        for one in (context, strangers):
            if "AXE" in os.environ:
                # The policy would keep it out of the page; what the browser itself puts there is not asked.
                one.add_init_script(path=os.environ["AXE"])
        for route, address in first.items():
            look_at(page, address, re.sub(r"\W+", "-", route).strip("-") or "overview", shots, wrongs)
        for path in OUTSIDE:
            where, stranger = (context, page) if path == OUTSIDE[1] else (strangers, strangers.new_page())
            expected.add(f"{base}{path}")
            look_at(stranger, f"{base}{path}", path.strip("/"), shots, wrongs)
        browser.close()
    print(f"looked at after {time.monotonic() - began:.0f} s")
    finish(wrongs)


if __name__ == "__main__":
    main()
