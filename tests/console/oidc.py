#!/usr/bin/env python3
"""Signing in with a provider that others have written, from the sign-in page to a page of the console and back again.

    npm install --prefix DIR oidc-provider
    OIDC_PROVIDER=DIR/node_modules/oidc-provider/lib/index.js python3 tests/console/oidc.py target/release/jumpseat

Needs `node`. It walks without a browser and without script: links, redirects and forms.
"""

import contextlib
import html
import json
import os
import re
import secrets
import socket
import subprocess
import sys
import tempfile
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, Request, build_opener

ACCOUNTS = {
    "mara": {"email": "mara@example.com", "email_verified": True, "groups": []},
    "noor": {"email": "noor@example.com", "email_verified": True, "groups": ["Security"]},
    "eve": {"email": "eve@example.com", "email_verified": True, "groups": ["Everybody"]},
    "sam": {"email": "root@example.com", "email_verified": False, "groups": ["Security"]},
}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def running(command, word, **options):
    """A program, from when it has said a word until it is no longer needed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    try:
        said = []
        while word not in "".join(said):
            line = process.stdout.readline()
            if not line:
                sys.exit(f"{command[0]} ended before it was there:\n" + "".join(said))
            said.append(line)
        yield
    finally:
        process.terminate()
        process.wait(30)


def sign_in(base, name):
    """What somebody sees who signs in at the provider: the status, the address and the page."""
    browser = build_opener(HTTPCookieProcessor(CookieJar()))
    page = browser.open(f"{base}/sign-in?next=/account").read().decode()
    link = html.unescape(re.search(r'href="(/sign-in/oidc[^"]*)"', page)[1])
    answer = browser.open(urljoin(base, link))
    # First it asks who it is, then whether the console may know.
    while not answer.url.startswith(base):
        page = answer.read().decode()
        form = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page))
        if 'name="login"' in page:
            form |= {"login": name, "password": "any will do"}
        target = urljoin(answer.url, html.unescape(re.search(r'<form[^>]*action="([^"]+)"', page)[1]))
        try:
            answer = browser.open(Request(target, urlencode(form).encode()))
        except HTTPError as refused:
            answer = refused
    return answer.status, answer.url, answer.read().decode()


def main(program):
    port, provider_port, secret = free_port(), free_port(), secrets.token_urlsafe(24) + "+ :%"
    base = f"http://127.0.0.1:{port}"
    client = {
        "client_id": "jumpseat console",
        "client_secret": secret,
        "redirect_uris": [f"{base}/sign-in/oidc/callback"],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        # On this machine it is plain http.
        "application_type": "native",
    }
    told = json.dumps({"port": provider_port, "client": client, "accounts": ACCOUNTS})
    with tempfile.TemporaryDirectory() as folder:
        secret_file = os.path.join(folder, "secret")
        with open(secret_file, "w") as file:
            file.write(secret + "\n")
        environment = os.environ | {
            "JUMPSEAT_DATA_DIR": folder,
            "JUMPSEAT_OIDC_ISSUER": f"http://127.0.0.1:{provider_port}",
            "JUMPSEAT_OIDC_CLIENT_ID": client["client_id"],
            "JUMPSEAT_OIDC_CLIENT_SECRET_FILE": secret_file,
            "JUMPSEAT_OIDC_LABEL": "the other one",
            "JUMPSEAT_OIDC_ROLES": '{Security="analyst"}',
        }

        def jumpseat(*words, given=""):
            subprocess.run([program, *words], env=environment, input=given, text=True, check=True, stdout=subprocess.DEVNULL)

        jumpseat("user", "add", "root", "--role", "owner", "--email", "root@example.com", "--password-file", "-", given="correct horse battery")
        jumpseat("user", "add", "mara", "--role", "viewer", "--email", "mara@example.com", "--without-password")
        there = running(["node", os.path.join(os.path.dirname(__file__), "oidc_provider.mjs")], "ready", env=os.environ | {"OIDC_TRY": told})
        here = running([program, "serve", "--listen", f"127.0.0.1:{port}", "--public-url", base, "--no-schedule"], "the console is at", env=environment)
        with there, here:
            for name, status, words in [
                ("mara", 200, "<dd>mara</dd><dt>Role</dt><dd>Viewer</dd>"),
                ("mara", 200, "<dd>mara</dd><dt>Role</dt><dd>Viewer</dd>"),
                ("noor", 200, "<dd>noor@example.com</dd><dt>Role</dt><dd>Analyst</dd>"),
                ("eve", 403, "nobody with the address eve@example.com was added here"),
                ("sam", 403, "does not say that your e-mail address was verified"),
            ]:
                got, url, page = sign_in(base, name)
                if got != status or words not in page or (status == 200 and url != f"{base}/account"):
                    sys.exit(f"{name}: {got} {url}\n{page}")
                print(f"{name}: {got}, {words}")


if __name__ == "__main__":
    main(*sys.argv[1:])
