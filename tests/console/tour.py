#!/usr/bin/env python3
"""Looks at every page of the console in a real browser, in a demonstration whose names attack whoever shows them.

    python3 tests/console/tour.py target/release/jumpseat [SCREENSHOTS]

Hostile text is typed into forms, too. Then every link is followed, so far as it leads to another kind of page, and every search
is asked for hostile text. No script of a name may run, the policy may not be broken, no other host may be asked, nothing may
answer with an error, and no page may be wider than its window at three widths. Every page that the router has must have been
seen. With AXE=path/to/axe.min.js (`axe-core` from npm) each is held against WCAG 2.2 AA, in dark and in light. With
SCREENSHOTS, a folder, pictures are kept there, and the demonstration is an ordinary one.

It has not been run to its end yet, and so is no step of `.ci/run`. Needs `playwright` from PyPI and a Chromium (CHROMIUM, or /usr/bin/chromium).
"""

import os
import re
import sys
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

from playwright.sync_api import sync_playwright

from demonstration import base_of, chromium, demonstration, finish, watch

ROUTES = Path(__file__).resolve().parents[2] / "crates/server/src/routes.rs"
# Not pages: files, programs' addresses, the ways in.
OTHERS = ("/static/", "/api/", "/healthz", "/readyz", "/metrics", "/enter/", "/setup", "/sign-in", "/evidence/packs/{number}")
WIDTHS = (390, 1024, 1440)
# Of each kind of page so many are looked at; of assets and findings more, since their names are others' choice.
MOST = 3
MORE = {"/assets/{kind}/{org_id}/{*id}": 40, "/findings/{number}": 12, "/events/{org_id}/{uid}": 12, "/assets": 30}
ATTACK = """"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'--javascript:alert(3)"""


def pages_of_the_router():
    """Every address that answers with a page, as `routes.rs` has it."""
    paths = re.findall(r'^\s+get\(\s*"([^"]+)"', ROUTES.read_text(), re.MULTILINE)
    return [path for path in paths if not path.startswith(OTHERS)]


def matcher(path):
    pattern = re.escape(path)
    pattern = re.sub(r"\\\{\\\*\w+\\\}", ".+", pattern)
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern) + "$")


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
    for act, fields in (("Assign", ["Assignee"]), ("Accept", ["Rationale"])):
        page.locator("summary", has_text=act).first.click()
        for label in fields:
            page.get_by_label(label).fill(ATTACK)
        page.get_by_role("button", name=act, exact=True).click()
    page.goto(f"{base}/account")
    page.get_by_label("What it is for").fill(ATTACK)
    page.get_by_role("button", name="Make the token").click()


def links_of(page, base):
    """Where a page leads to: its links, and its searches asked for hostile text."""
    # A link in a picture has an object as its `href`.
    links = page.eval_on_selector_all(
        "a[href]", "all => all.map(one => new URL(one.getAttribute('href'), document.baseURI).href)"
    )
    forms = page.eval_on_selector_all(
        "form[method=get]",
        "all => all.map(one => [one.action, [...one.elements].filter(field => field.name)"
        ".map(field => [field.name, field.type, field.value])])",
    )
    for action, fields in forms:
        typed = [(name, ATTACK if kind in ("text", "search", "textarea") else value) for name, kind, value in fields]
        links.append(f"{action.split('?')[0]}?{urlencode([(name, value) for name, value in typed if value])}")
    return [link for link in links if link.startswith(base + "/") and "format=" not in link]


def accessible(page, wrongs):
    """Holds a page against WCAG 2.2 AA, as far as a program can."""
    page.evaluate(Path(os.environ["AXE"]).read_text())
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
    for violation in found["violations"]:
        wrongs.append(f"{page.url}: {violation['id']}: {violation['nodes'][0]['html'][:160]}")


def crawl(page, base, routes, wrongs):
    """Follows links, and gives back one address for every route that was seen."""
    seen, count, first, hostile = set(), Counter(), {}, 0
    # Nothing leads to what an administrator alone needs by its number, but the list of people.
    waiting = [f"{base}/", f"{base}/account", f"{base}/administration"]
    while waiting:
        link = waiting.pop(0).split("#")[0]
        path = urlsplit(link).path
        route = next((route for route, pattern in routes if pattern.match(path)), None)
        # The same page with other values of the same filters is the same kind of page.
        kind = (route, tuple(sorted({name for name, _ in parse_qsl(urlsplit(link).query)})))
        if link in seen or route is None or count[kind] >= MORE.get(route, MOST):
            continue
        seen.add(link)
        count[kind] += 1
        answer = page.goto(link)
        hostile_query = urlencode({"": ATTACK})[1:30] in link
        # What was asked for in hostile words may be refused in clear ones, but not fail.
        if answer.status >= 500 or (answer.status >= 400 and not hostile_query):
            wrongs.append(f"{link}: answers {answer.status}")
        if answer.status < 400:
            first.setdefault(route, link)
        text = page.inner_text("body")
        hostile += "<script" in text or "onerror" in text
        if "{{7*7}}" not in text and re.search(r"img src=x.*49'", text):
            wrongs.append(f"{link}: a template was run")
        waiting.extend(urljoin(link, found) for found in links_of(page, base))
    print(f"{len(seen)} pages, {hostile} of them with hostile names, {len(first)} of {len(routes)} routes")
    return first, hostile


def main():
    shots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    routes = [(path, matcher(path)) for path in pages_of_the_router()]
    # What has no names in it comes first: `/connections/new` is not the connection called new.
    routes.sort(key=lambda route: "{" in route[0])
    wrongs = []
    flags = [] if shots else ["--hostile"]
    with demonstration(sys.argv[1], *flags) as link, sync_playwright() as playwright:
        base = base_of(link)
        browser = chromium(playwright)
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        watch(page, base, wrongs)
        page.goto(link)
        if not shots:
            type_hostile_text(page, base)
        first, hostile = crawl(page, base, routes, wrongs)
        if not shots and not hostile:
            wrongs.append("no page has a hostile name: this tour proves nothing")
        wrongs.extend(f"{path}: no link leads there" for path, _ in routes if path not in first)
        for scheme in ("light", "dark"):
            # The policy keeps out what looks at accessibility, too; the crawl was under it.
            context = browser.new_context(color_scheme=scheme, bypass_csp="AXE" in os.environ)
            page = context.new_page()
            watch(page, base, wrongs)
            page.goto(link)
            for route, address in first.items():
                page.goto(address)
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": 900})
                    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    if wide > 0:
                        wrongs.append(f"{address} is {wide} px too wide at {width}")
                    if shots:
                        name = re.sub(r"\W+", "-", route).strip("-") or "overview"
                        page.screenshot(path=shots / f"{name}-{width}-{scheme}.png")
                if "AXE" in os.environ:
                    accessible(page, wrongs)
        browser.close()
    finish(wrongs)


if __name__ == "__main__":
    main()
