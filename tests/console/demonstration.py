"""A running demonstration to look at, and a browser that notices what a page must never do."""

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

ROUTES = Path(__file__).resolve().parents[2] / "crates/server/src/routes.rs"
# Not pages: files, programs' addresses, the ways in that are over once somebody is in.
OTHERS = ("/static/", "/api/", "/healthz", "/readyz", "/metrics", "/enter/", "/setup", "/sign-in", "/evidence/packs/{number}")
LINK = re.compile(r"open the console: (\S+)")


def pages_of_the_router():
    """Every address that answers with a page, as `routes.rs` has it, with a pattern for it."""
    paths = re.findall(r'^\s+get\(\s*"([^"]+)"', ROUTES.read_text(), re.MULTILINE)
    # What has no names in it comes first: `/connections/new` is not the connection called new.
    paths = sorted((path for path in paths if not path.startswith(OTHERS)), key=lambda path: "{" in path)
    return [(path, matcher(path)) for path in paths]


def matcher(path):
    pattern = re.escape(path)
    pattern = re.sub(r"\\\{\\\*\w+\\\}", ".+", pattern)
    return re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern) + "$")


@contextlib.contextmanager
def demonstration(what, *flags, size="small"):
    """The link into a demonstration: `what` is such a link already, or the program that starts one."""
    if what.startswith("http"):
        yield what
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [what, "--data-dir", folder, "demo", "--size", size, "--listen", "127.0.0.1:0", *flags]
        # Its summary is not of interest, its last words are the link.
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = []
        try:
            for line in process.stderr:
                said.append(line)
                if found := LINK.search(line):
                    # What it says from now on must not fill the pipe.
                    threading.Thread(target=process.stderr.read, daemon=True).start()
                    yield found[1]
                    return
            sys.exit("the demonstration ended before it was there:\n" + "".join(said[-20:]))
        finally:
            process.terminate()
            process.wait(30)


def base_of(link):
    return "{0.scheme}://{0.netloc}".format(urlsplit(link))


def token_of(link):
    """An API token of the person whom the link signs in, made as people make one: with the form of their account."""
    base = base_of(link)
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    browser.open(link).read()
    page = browser.open(f"{base}/account").read().decode()
    form_token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    form = urlencode({"form_token": form_token, "name": "contract", "scope": "owner", "days": "1"}).encode()
    made = browser.open(Request(f"{base}/account/tokens", form, {"Origin": base})).read().decode()
    return re.search(r"<pre[^>]*>(jst_[^<]+)</pre>", made)[1]


def chromium(playwright):
    path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    return playwright.chromium.launch(executable_path=path, args=flags)


def watch(page, base, wrongs, expected=()):
    """Notes what a page must never do: run what a name says, break the policy, ask another host, fail. Addresses that are
    `expected` to may be refused."""

    def said(message):
        is_refusal = message.text.startswith("Failed to load resource") and message.location["url"] in expected
        if message.type == "error" and not is_refusal:
            wrongs.append(f"{page.url}: {message.text}")

    page.on("dialog", lambda dialog: (wrongs.append(f"{page.url}: a script said {dialog.message}"), dialog.dismiss()))
    page.on("console", said)
    page.on("pageerror", lambda error: wrongs.append(f"{page.url}: {error}"))
    page.on("popup", lambda popup: wrongs.append(f"{page.url}: opened {popup.url}"))

    def asked(request):
        if not request.url.startswith((base + "/", "data:")):
            wrongs.append(f"{page.url}: asked {request.url}")

    page.on("request", asked)


def finish(wrongs):
    """Ends, with what was wrong if something was."""
    if wrongs:
        print("\n".join(dict.fromkeys(wrongs)), file=sys.stderr)
        sys.exit(1)
