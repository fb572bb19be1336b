#!/usr/bin/env python3
"""The own hub, subscribed to with pubsubhubbub from npm, and by subscribers that do not behave.

The feed names its hub, which feedparser from PyPI finds. The library subscribes, is asked back, and gets each change
within a second of its publication; its signature is verified by the library. Who answers 410 gets nothing more, who
hangs delays nobody, who redirects to this machine's inside leads nowhere.
"""
# Needs: nodejs npm

import json
import os
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import feedparser

from service import Service, action, check, end, etag, free_port, get, wait_for

HERE = Path(__file__).resolve().parent
NODE = Path(os.environ.get("REAL", HERE.parents[1] / "target/real")) / "node"
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
[websub]
hub = true
allow = ["127.0.0.1/32"]
"""

asked = []
posts = []
inside = []
is_over = threading.Event()


class Badly(BaseHTTPRequestHandler):
    """Says yes to every question; what it answers to an update, its path says."""

    def do_GET(self):
        asked.append(self.path)
        query = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)
        self.answer(200, query["hub.challenge"][0].encode())

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        posts.append(self.path)
        match self.path:
            case "/gone":
                self.answer(410)
            case "/hangs":
                is_over.wait(60)
            case "/redirects":
                self.answer(307, location=f"http://127.0.0.1:{self.server.inside}/inside")

    def answer(self, code, body=b"", location=None):
        self.send_response(code)
        if location:
            self.send_header("location", location)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Inside(BaseHTTPRequestHandler):
    """What no subscriber may lead to."""

    def do_POST(self):
        inside.append(self.path)
        self.send_response(204)
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


def serve(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def subscribe(hub, topic, callback):
    """The status and the words of the hub."""
    fields = {"hub.mode": "subscribe", "hub.callback": callback, "hub.topic": topic}
    return get(hub, urllib.parse.urlencode(fields).encode())


class Library:
    """The library in a process of its own, a line of JSON for each thing that happens to it."""

    def __init__(self, hub, topic):
        self.events = []
        command = ["node", HERE / "websub.mjs", hub, topic, str(free_port())]
        self.process = subprocess.Popen(command, cwd=NODE, stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line) | {"at": time.monotonic()})

    def of(self, what):
        return [event for event in self.events if event["event"] == what]

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def publish_and_time(service, library, topic, name, notice):
    """Publishes, and answers the seconds from the new feed at its address to its arrival at the library, or 0."""
    before, count = etag(topic), len(library.of("feed"))
    service.publish(name, notice)
    wait_for(f"{name} stands in the feed", lambda: etag(topic) != before)
    shown_at = time.monotonic()
    wait_for(f"{name} reaches the library", lambda: len(library.of("feed")) > count)
    return max(library.of("feed")[count]["at"] - shown_at, 0)


def main():
    bad, within = serve(Badly), serve(Inside)
    bad.inside = within.server_port
    with tempfile.TemporaryDirectory() as folder:
        with Service(folder, TABLES) as service:
            service.publish("heat", action("Heat for the third floor", "Alder Hall"))
            topic = f"{service.url}feeds/all.atom"
            wait_for("the feed has an entry", lambda: "Heat" in get(topic)[1])
            links = {link["rel"]: link["href"] for link in feedparser.parse(topic).feed.links}
            check("feedparser finds the hub and the topic", [] if (links.get("hub"), links.get("self")) == (f"{service.url}hub", topic) else [str(links)])
            hub = links["hub"]

            library = Library(hub, topic)
            wait_for("the library is asked back", lambda: library.of("subscribe"))
            lease = library.of("subscribe")[0]["lease"]
            check("it is told of a lease of ten days", [] if abs(lease - 864_000) < 60 else [f"{lease} s"])
            for path in ["gone", "hangs", "redirects"]:
                status, text = subscribe(hub, topic, f"http://127.0.0.1:{bad.server_port}/{path}")
                check(f"who {path} is taken", [] if status == 202 else [f"{status} {text}"])
            status, text = subscribe(hub, topic, "http://10.1.2.3/")
            check("a callback inside is refused, with a reason", [] if status == 400 and "hub.callback" in text else [f"{status} {text}"])
            status, text = subscribe(hub, f"{service.url}", f"http://127.0.0.1:{bad.server_port}/gone")
            check("what is no feed is refused, with a reason", [] if status == 400 and "hub.topic" in text else [f"{status} {text}"])
            wait_for("all are asked back", lambda: len(asked) == 3)
            says = [line for line in service.run("doctor").splitlines() if "hub" in line]
            check("doctor does not count so few", [] if "<10 subscriptions" in "".join(says) else says)

            took = publish_and_time(service, library, topic, "water", action("Water for the third floor", "Alder Hall"))
            check(f"an update within a second ({took * 1000:.0f} ms)", [] if took < 1 else [f"{took:.2f} s"])
            wait_for("the others are told, too", lambda: {"/gone", "/hangs", "/redirects"} <= set(posts))
            took = publish_and_time(service, library, topic, "bread", action("Bread for the third floor", "Alder Hall"))
            check(f"another while one hangs ({took * 1000:.0f} ms)", [] if took < 1 else [f"{took:.2f} s"])

            feeds = library.of("feed")
            check("each once", [] if len(feeds) == 2 else [f"{len(feeds)} updates"])
            check("whole, as it stands at its address", [] if feeds[-1]["text"] == get(topic)[1] else ["another text"])
            kinds = {(feed["type"], feed["topic"], feed["hub"]) for feed in feeds}
            check("with its type, its topic and its hub", [] if kinds == {("application/atom+xml; charset=utf-8", topic, hub)} else [str(kinds)])
            check("verified with SHA-256", [feed["signature"] for feed in feeds if not feed["signature"].startswith("sha256=")])
            forged = urllib.request.Request(library.of("callback")[0]["url"], b"<feed/>", {"link": feeds[0]["link"], "x-hub-signature": feeds[0]["signature"]})
            with urllib.request.urlopen(forged, timeout=10):
                pass
            check("a forged update is verified by nobody", [] if len(library.of("feed")) == 2 else ["it was believed"])

            check("who says 410 is told once", [] if posts.count("/gone") == 1 else [f"{posts.count('/gone')} times"])
            check("who hangs is waited for once", [] if posts.count("/hangs") == 1 else [f"{posts.count('/hangs')} times"])
            check("a redirect leads nowhere", inside)
            is_over.set()
            library.stop()
    bad.shutdown()
    within.shutdown()
    end()


if __name__ == "__main__":
    main()
