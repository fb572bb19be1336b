#!/usr/bin/env python3
"""A webhook, received and verified with standardwebhooks from PyPI and from npm.

The receiver answers 503 to the first post: it comes again with the same id. A change of the place comes as another
post. A post whose body was changed on its way is not verified by either.
"""
# Needs: nodejs npm

import base64
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from service import Service, action, check, end, wait_for

HERE = Path(__file__).resolve().parent
NODE = Path(os.environ.get("REAL", HERE.parents[1] / "target/real")) / "node"
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
[[target]]
name = "partners"
url = "http://127.0.0.1:{port}/notices"
secret_file = "partners.secret"
kinds = ["action"]
allow = ["127.0.0.1/32"]
"""

posts = []


class Receiver(BaseHTTPRequestHandler):
    """Keeps every post; the first is refused for now."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        posts.append({"headers": {name.lower(): value for name, value in self.headers.items()}, "body": body})
        self.send_response(503 if len(posts) == 1 else 204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def verify(post, secret, folder):
    """The exit codes of both verifiers: 0 verified, 1 not."""
    file = Path(folder) / "post.json"
    file.write_text(json.dumps(post | {"secret": secret}))
    commands = ([sys.executable, HERE / "webhook_verify.py", file], ["node", HERE / "webhook_verify.mjs", file])
    return [subprocess.run(command, cwd=NODE, stderr=subprocess.DEVNULL).returncode for command in commands]


def main():
    secret = "whsec_" + base64.b64encode(os.urandom(32)).decode()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        file = os.open(Path(folder) / "partners.secret", os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(file, secret.encode())
        os.close(file)
        with Service(folder, TABLES.format(port=server.server_port)) as service:
            service.publish("heat", action("Heat for the third floor", "Alder Hall"))
            wait_for("a refused post comes again", lambda: len(posts) >= 2)
            service.publish("heat", action("Heat for the third floor", "Birch Church", status="moved"))
            wait_for("a change is posted", lambda: len(posts) >= 3)
        ids = [post["headers"].get("webhook-id") for post in posts]
        check("the refused post has the same id, the change another", [] if ids[0] == ids[1] != ids[2] and len(ids) == 3 else ids)
        for number, post in enumerate(posts, 1):
            codes = verify(post, secret, folder)
            check(f"post {number} is verified by both", [] if codes == [0, 0] else [f"exits {codes}"])
        changed = posts[1] | {"body": posts[1]["body"].replace("Alder Hall", "Elm Hall")}
        codes = verify(changed, secret, folder)
        check("a changed body is verified by neither", [] if codes == [1, 1] else [f"exits {codes}"])
        bodies = [json.loads(post["body"]) for post in posts]
        places = [body["data"]["event"]["place"]["name"] for body in bodies]
        check("each says the place", [] if places == ["Alder Hall", "Alder Hall", "Birch Church"] else places)
        # Of an instant, from each sender's clock at the try.
        types = [post["headers"].get("content-type", "") for post in posts]
        check("JSON by its type", [t for t in types if not t.startswith("application/json")])
    server.shutdown()
    end()


if __name__ == "__main__":
    main()
