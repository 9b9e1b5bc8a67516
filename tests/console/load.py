#!/usr/bin/env python3
"""Measures how fast the console and the REST API answer while many people click and a sync runs; prints a table in Markdown.

    python3 tests/console/load.py target/release/jumpseat                         # a small demonstration of its own
    python3 tests/console/load.py target/release/jumpseat --size large
    python3 tests/console/load.py target/release/jumpseat --data-dir DIR          # `serve` on what was collected before
    python3 tests/console/load.py http://127.0.0.1:8642/enter/…                   # a demonstration that runs already

With --data-dir nobody else may use that installation: somebody called `load` and a number is added, and removed at the end unless there
is no other owner. Before anybody clicks, the idle program's memory is read.

One page of each route is found by following links, with some questions that are heavier (EXTRA). Then everybody (--people) asks for
one after the other in an order of their own, with --pause seconds in between (0: as fast as it goes, which is another question: how much
the server can do). Times are from sending to the last byte, at the client, on one connection that stays open; kilobytes are what one
page takes with the style and the script that it needs. Every sync that has ended is asked for again, if there is a connection.

The bars are 100 ms for 95 of 100 times of a page (500 ms for events and their histogram) and 150 kB; of an idle server 60 MiB. A
miss is told and is no failure; an answer that is an error is one. Python's own time is in the figures: with 20 people who click once
a second it is below a millisecond. No package is needed.
"""

import argparse
import contextlib
import html
import http.client
import json
import os
import random
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPCookieProcessor, Request, build_opener

from demonstration import base_of, demonstration, pages_of_the_router

# Heavier than what a link leads to at first.
EXTRA = (
    "/assets?type=user&with=findings",
    "/assets?type=user&q=an&sort=username&desc=yes",
    "/assets?type=device&q=a&sort=hostname",
    "/findings?view=flat",
    "/findings?view=flat&severity=medium&sort=name",
    "/events?hours=720",
    "/events?hours=2160&outcome=failure",
    "/events?hours=720&text=login",
)
API = (
    "/api/v1/connections",
    "/api/v1/assets",
    "/api/v1/assets/user?limit=100",
    "/api/v1/assets/device?limit=100",
    "/api/v1/findings?limit=100",
    "/api/v1/checks",
    "/api/v1/frameworks",
    "/api/v1/events?limit=100",
    "/api/v1/audit",
    "/metrics",
)
# Asks JumpCloud or reads the whole chain: no page that people wait for.
LEFT_OUT = ("/connections/new",)
PAGE_MS, EVENTS_MS, PAGE_BYTES, IDLE_BYTES = 100, 500, 150_000, 60 << 20


class Person:
    """Somebody with a session and an API token of their own, on one connection that stays open."""

    def __init__(self, base, cookie, token):
        self.host = urlsplit(base).netloc
        self.cookie, self.token = cookie, token
        self.connection = http.client.HTTPConnection(self.host, timeout=120)

    def ask(self, path):
        """The status, the body, and the seconds until it was there."""
        is_api = path.startswith("/api/") or path == "/metrics"
        headers = {"Authorization": f"Bearer {self.token}"} if is_api else {"Cookie": self.cookie}
        began = time.perf_counter()
        self.connection.request("GET", path, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, body, time.perf_counter() - began


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def installation(program, folder):
    """`serve` on a data directory, with its process and a way for somebody to come in."""
    password, base, name = secrets.token_urlsafe(24), f"http://127.0.0.1:{free_port()}", f"load {os.getpid()}"
    common = [program, "--data-dir", folder, "--allow-loopback-upstream"]
    add = [*common, "user", "add", name, "--role", "owner", "--password-file", "-"]
    subprocess.run(add, input=password, text=True, check=True)
    try:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            serve = [*common, "serve", "--listen", urlsplit(base).netloc]
            process = subprocess.Popen(serve, stdout=nowhere, stderr=nowhere)
        try:
            until_ready(base, process)

            def come_in(browser):
                form = urlencode({"name": name, "password": password, "next": "/account"}).encode()
                return browser.open(Request(f"{base}/sign-in", form, {"Origin": base})).read().decode()

            yield base, process.pid, come_in
        finally:
            process.terminate()
            process.wait(60)
    finally:
        subprocess.run([*common, "user", "remove", name], check=False, capture_output=True)


def until_ready(base, process):
    """Waits until it answers."""
    ends = time.monotonic() + 60
    while True:
        try:
            return build_opener().open(f"{base}/readyz").read()
        except OSError:
            if process.poll() is not None or time.monotonic() > ends:
                sys.exit("the server does not answer")
            time.sleep(0.05)


@contextlib.contextmanager
def server(arguments):
    """The base address, the process if it holds nothing but the server, and a way for somebody to come in."""
    if arguments.data_dir:
        with installation(arguments.what, arguments.data_dir) as found:
            yield found
        return
    with demonstration(arguments.what, size=arguments.size) as link:
        base = base_of(link)

        def come_in(browser):
            browser.open(link).read()
            return browser.open(f"{base}/account").read().decode()

        yield base, None, come_in


def person(base, come_in):
    """Signs somebody in and makes a token with the form of their account."""
    jar = CookieJar()
    browser = build_opener(HTTPCookieProcessor(jar))
    page = come_in(browser)
    form_token = re.search(r'name="form_token" value="([^"]+)"', page)[1]
    form = urlencode({"form_token": form_token, "name": "load", "scope": "owner", "days": "1"}).encode()
    made = browser.open(Request(f"{base}/account/tokens", form, {"Origin": base})).read().decode()
    cookie = "; ".join(f"{one.name}={one.value}" for one in jar)
    return Person(base, cookie, re.search(r"<pre[^>]*>(jst_[^<]+)</pre>", made)[1])


def pages(somebody):
    """One address of each route that links lead to, and what it takes to show any of them beside itself, in bytes."""
    routes, first, waiting, seen = pages_of_the_router(), {}, ["/", "/account", "/administration"], set()
    while waiting:
        address = waiting.pop(0)
        path = address.split("?")[0]
        route = next((route for route, pattern in routes if pattern.match(path)), None)
        if route is None or route in first or address in seen or path in LEFT_OUT:
            continue
        seen.add(address)
        status, body, _ = somebody.ask(address)
        if status != 200:
            continue
        first[route] = address
        for link in re.findall(r'href="([^"#]+)', body.decode()):
            link = html.unescape(link)
            if link.startswith("/") and "format=" not in link:
                waiting.append(link)
    status, body, _ = somebody.ask("/")
    files = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', body.decode()))
    return first, sum(len(somebody.ask(file)[1]) for file in files)


def keep_syncing(base, somebody, stop):
    """Asks for a sync of every connection, and again when it has ended."""
    headers = {"Authorization": f"Bearer {somebody.token}", "Content-Type": "application/json"}

    def call(path, data=None):
        with contextlib.suppress(HTTPError):
            return json.load(build_opener().open(Request(urljoin(base, path), data, headers)))
        return {}

    while not stop.wait(1):
        for connection in call("/api/v1/connections").get("items", []):
            call(f"/api/v1/connections/{connection['id']}/sync", b"{}")


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024


def click(somebody, addresses, arguments, seed, stop, noted):
    """One person, until it is enough."""
    chance = random.Random(seed)
    stop.wait(chance.random() * arguments.pause)
    while not stop.is_set():
        order = list(addresses)
        chance.shuffle(order)
        for address in order:
            status, body, seconds = somebody.ask(address)
            noted.append((address, status, len(body), seconds))
            if stop.wait(arguments.pause):
                return


def at(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] * 1000


def table(names, noted, beside):
    """The lines of the table, and what was answered with an error."""
    lines = ["| | asked | half within | 95 % within | longest | kB | bar | |", "|---|--:|--:|--:|--:|--:|--:|---|"]
    wrong = []
    for address, name in names.items():
        own = [one for one in noted if one[0] == address]
        if not own:
            continue
        wrong += [f"{address} answers {status}" for _, status, _, _ in own if status != 200]
        times = [seconds for *_, seconds in own]
        is_page = not (address.startswith("/api/") or address == "/metrics")
        size = max(length for _, _, length, _ in own) + (beside if is_page else 0)
        most = EVENTS_MS if address.startswith(("/events", "/api/v1/events")) else PAGE_MS
        misses = [word for word, missed in (("slow", at(times, 0.95) > most), ("large", is_page and size > PAGE_BYTES)) if missed]
        lines.append(
            f"| `{name}` | {len(own)} | {at(times, 0.5):.1f} ms | {at(times, 0.95):.1f} ms | {max(times) * 1000:.0f} ms "
            f"| {size / 1000:.0f} | {most} ms | {' and '.join(misses) or 'met'} |"
        )
    return lines, wrong


def main():
    asked = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    asked.add_argument("what", help="the program, or the link into a demonstration")
    asked.add_argument("--size", default="small", help="of a demonstration of its own")
    asked.add_argument("--data-dir", help="serve this installation instead")
    asked.add_argument("--people", type=int, default=20)
    asked.add_argument("--seconds", type=float, default=60)
    asked.add_argument("--pause", type=float, default=1.0, help="seconds between two clicks of one person")
    asked.add_argument("--no-sync", action="store_true", help="no sync runs meanwhile")
    arguments = asked.parse_args()
    with server(arguments) as (base, pid, come_in):
        if pid:
            time.sleep(5)
            idle = resident(pid)
            print(f"idle: {idle / (1 << 20):.0f} MiB (bar {IDLE_BYTES >> 20}), {'met' if idle <= IDLE_BYTES else 'missed'}\n")
        people = [person(base, come_in) for _ in range(arguments.people)]
        first, beside = pages(people[0])
        # What has names in it is told by its route.
        names = {address: route for route, address in first.items()} | {address: address for address in (*EXTRA, *API)}
        noted, stop = [], threading.Event()
        threads = [
            threading.Thread(target=click, args=(one, list(names), arguments, seed, stop, noted))
            for seed, one in enumerate(people)
        ]
        if not arguments.no_sync:
            threads.append(threading.Thread(target=keep_syncing, args=(base, people[0], stop)))
        began = time.monotonic()
        for thread in threads:
            thread.start()
        time.sleep(arguments.seconds)
        stop.set()
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        busy = f", {resident(pid) / (1 << 20):.0f} MiB at the end" if pid else ""
        sync = "no sync running" if arguments.no_sync else "syncs running"
        print(
            f"{arguments.people} people, {arguments.pause:g} s between clicks, {sync}: {len(noted)} answers in {took:.0f} s, "
            f"{len(noted) / took:.0f} a second{busy}\n"
        )
    lines, wrong = table(names, noted, beside)
    print("\n".join(lines))
    if wrong:
        sys.exit("\n".join(sorted(set(wrong))))


if __name__ == "__main__":
    main()
