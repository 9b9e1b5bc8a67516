#!/usr/bin/env python3
"""The journeys of the console in a real browser, with script and without, against a demonstration.

    python3 tests/console/journeys.py target/release/jumpseat      # or the link that a running demonstration has printed

Needs `playwright` from PyPI and a Chromium (CHROMIUM, or /usr/bin/chromium). Fails at the first thing that is not as people
expect it, and when a page runs a foreign script, breaks the policy or asks another host.
"""

import sys

from playwright.sync_api import expect, sync_playwright

from demonstration import base_of, chromium, demonstration, finish, watch

BASE = ""


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
    # Of a type whose class follows from the type alone: what happened last may be any.
    page.goto(f"{BASE}/events?hours=168&type=login_attempt")
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="OCSF")).to_be_visible()
    expect(page.locator("pre").first).to_contain_text("class_uid")
    trace = page.get_by_role("region", name="Mapping trace")
    expect(trace.locator("tr", has_text="class_uid")).to_contain_text("event_type")


def keyboard_alone(page):
    """The skip link is first, and leads to the content."""
    page.goto(f"{BASE}/")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("g")
    page.keyboard.press("f")
    expect(page).to_have_url(f"{BASE}/findings")


def journey_of_a_second_connection(page):
    """Add a connection that the user names: fill in, Test Connection, Save; a wrong key is told what is wrong with it."""
    page.goto(f"{BASE}/connections")
    page.get_by_role("link", name="Add a connection").click()
    page.get_by_label("Connection Name").fill("scytale-production-env")
    page.get_by_label("API Key", exact=False).last.fill("  this is no key  ")
    page.get_by_role("button", name="Test Connection").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    expect(page.get_by_label("Connection Name")).to_have_value("scytale-production-env")


def journey_of_evidence(page):
    """From a framework to what is evidence for it, to a pack that is made and downloaded."""
    page.goto(f"{BASE}/frameworks")
    page.get_by_role("link", name="Evidence", exact=True).click()
    page.locator("tbody a").first.click()
    expect(page.get_by_role("heading", name="Population")).to_be_visible()
    page.get_by_role("link", name="Make a pack").click()
    if not page.get_by_role("button", name="Make the pack").is_visible():
        page.locator("summary", has_text="Make a pack").click()
    page.get_by_role("button", name="Make the pack").click()
    expect(page.get_by_role("heading", name="is made")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the pack").click()
    with open(download.value.path(), "rb") as pack:
        assert pack.read(2) == b"PK", "the pack is an archive"


def journey_of_a_live_tail(page):
    """Events are followed, and followed no more."""
    page.goto(f"{BASE}/events")
    page.get_by_role("link", name="Live tail").click()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.get_by_role("link", name="Pause").click()
    expect(page.get_by_role("link", name="Live tail")).to_be_visible()


WITH_AND_WITHOUT_SCRIPT = [
    journey_of_a_connection,
    journey_of_a_second_connection,
    journey_of_a_finding,
    journey_of_an_event,
    journey_of_a_live_tail,
    journey_of_evidence,
]


def main():
    global BASE
    wrongs = []
    with demonstration(sys.argv[1]) as link, sync_playwright() as playwright:
        BASE = base_of(link)
        browser = chromium(playwright)
        for with_script in (True, False):
            page = browser.new_context(java_script_enabled=with_script).new_page()
            page.set_default_timeout(15_000)
            watch(page, BASE, wrongs)
            page.goto(link)
            for journey in WITH_AND_WITHOUT_SCRIPT + ([keyboard_alone] if with_script else []):
                journey(page)
                print("ok" if with_script else "ok without script", journey.__name__)
        browser.close()
    finish(wrongs)


if __name__ == "__main__":
    main()
