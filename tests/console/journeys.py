#!/usr/bin/env python3
"""The journeys of the console in a real browser, against a running demonstration.

    jumpseat demo                         # prints the link
    python3 tests/console/journeys.py LINK [SCREENSHOTS]

Needs `playwright` from PyPI and a Chromium (CHROMIUM, or /usr/bin/chromium). Without SCREENSHOTS no picture is kept. Fails at
the first thing that is not as people expect it, and when a page runs a foreign script, breaks the policy, asks another host, or
is wider than the window. With AXE=path/to/axe.min.js (`axe-core` from npm) every page is held against WCAG 2.2 AA as well.
"""

import os
import sys
from urllib.parse import urlsplit

from playwright.sync_api import expect, sync_playwright

LINK = sys.argv[1]
SHOTS = sys.argv[2] if len(sys.argv) > 2 else None
BASE = "{0.scheme}://{0.netloc}".format(urlsplit(LINK))
PAGES = {
    "overview": "/",
    "connections": "/connections",
    "add": "/connections/new",
    "collection-status": "/collection-status",
    "users": "/assets?type=user",
    "devices": "/assets?type=device",
    "findings": "/findings",
    "findings-flat": "/findings?view=flat",
    "checks": "/checks",
    "frameworks": "/frameworks",
    "framework": "/frameworks/soc2",
    "events": "/events",
    "sql": "/sql?sql=SELECT+username%2C+mfa_status+FROM+users+LIMIT+20",
    "account": "/account",
    "administration": "/administration",
    "audit": "/administration/audit",
}


def watch(page, wrongs):
    """Notes what a page must never do."""
    page.on("dialog", lambda dialog: (wrongs.append(f"{page.url}: a script said {dialog.message}"), dialog.dismiss()))
    page.on("console", lambda message: wrongs.append(f"{page.url}: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: wrongs.append(f"{page.url}: {error}"))
    page.on("request", lambda request: None if request.url.startswith((BASE, "data:")) else wrongs.append(f"asked {request.url}"))


def accessible(page, wrongs):
    """Holds a page against WCAG 2.2 AA, as far as a program can."""
    page.evaluate(open(os.environ["AXE"]).read())
    found = page.evaluate("axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']})")
    for violation in found["violations"]:
        wrongs.append(f"{page.url}: {violation['id']}: {violation['nodes'][0]['html'][:120]}")


def journey_of_a_connection(page):
    """Test Connection, Sync Now, the enabled switch off and on, history, findings and assets of one connection."""
    page.goto(f"{BASE}/connections")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_text("Verified")).to_be_visible()
    switch = page.get_by_role("switch", name="Enabled")
    expect(switch).to_have_attribute("aria-checked", "true")
    switch.click()
    expect(page.get_by_role("status").first).to_contain_text("Paused")
    page.get_by_role("switch", name="Enabled").click()
    expect(page.get_by_role("status").first).to_contain_text("Enabled")
    if page.get_by_role("button", name="Sync Now").count():
        page.get_by_role("button", name="Sync Now").click()
        expect(page.get_by_role("status").first).to_contain_text("sync")
    page.get_by_role("link", name="History").click()
    expect(page.get_by_role("heading", name="Integration Sync History")).to_be_visible()
    expect(page.get_by_text("test connection").first).to_be_visible()
    page.get_by_role("link", name="Asset View").click()
    expect(page.locator("tbody tr").first).to_be_visible()
    page.go_back()
    page.get_by_role("link", name="Finding View").click()
    expect(page.locator("tbody tr").first).to_be_visible()


def journey_of_a_finding(page):
    """From the groups to one finding; accept it with a reason and a rationale, and take that back."""
    page.goto(f"{BASE}/findings")
    page.locator("tbody a").first.click()
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="How to fix it")).to_be_visible()
    page.get_by_text("Accept", exact=True).first.click()
    page.get_by_label("Rationale").fill("a kiosk in a locked room")
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Accepted")
    page.get_by_text("Accept", exact=True).first.click()
    page.get_by_role("button", name="Take the acceptance back").click()
    expect(page.get_by_role("status").first).to_contain_text("Open again")


def journey_of_an_event(page):
    """An event is shown as OCSF and as it came, side by side."""
    page.goto(f"{BASE}/events?hours=168")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="OCSF")).to_be_visible()
    expect(page.locator("pre").first).to_contain_text("class_uid")


def keyboard_alone(page):
    """The skip link is first, and leads to the content."""
    page.goto(f"{BASE}/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page).to_have_url(f"{BASE}/findings")


def main():
    wrongs = []
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"])
        for scheme in ("light", "dark"):
            for width in (390, 1024, 1440):
                # The policy keeps out what looks at accessibility, too; the journeys below run under it.
                with_axe = "AXE" in os.environ and width == 1440
                context = browser.new_context(
                    color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=with_axe
                )
                page = context.new_page()
                watch(page, wrongs)
                page.goto(LINK)
                expect(page.get_by_role("heading", name="Overview")).to_be_visible()
                for name, path in PAGES.items():
                    page.goto(f"{BASE}{path}")
                    expect(page.get_by_role("heading", level=1)).to_be_visible()
                    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    if wide > 0:
                        wrongs.append(f"{path} is {wide} px too wide at {width}")
                    if with_axe:
                        accessible(page, wrongs)
                    if SHOTS:
                        page.screenshot(path=os.path.join(SHOTS, f"{name}-{width}-{scheme}.png"))
                context.close()
        context = browser.new_context()
        page = context.new_page()
        watch(page, wrongs)
        page.goto(LINK)
        for journey in (journey_of_a_connection, journey_of_a_finding, journey_of_an_event, keyboard_alone):
            journey(page)
            print("ok", journey.__name__)
        without_script = browser.new_context(java_script_enabled=False)
        page = without_script.new_page()
        page.goto(LINK)
        for journey in (journey_of_a_connection, journey_of_a_finding, journey_of_an_event):
            journey(page)
            print("ok without script", journey.__name__)
        browser.close()
    if wrongs:
        print("\n".join(wrongs), file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
