"""A reader with curl."""

import subprocess
from html import unescape

from service import check


class Curl:
    """A reader with curl and nothing else: no script, no cookie."""

    def __init__(self, service, *options):
        self.url = service.url
        self.options = options
        self.pages = {}

    def ask(self, path, *options):
        """The status and the text of an answer."""
        url = path if path.startswith("http") else self.url + path.lstrip("/")
        ran = subprocess.run(
            ["curl", "--silent", "--max-time", "20", "--write-out", "\n%{http_code}", *self.options, *options, url],
            text=True, capture_output=True, check=True,
        )
        text, _, status = ran.stdout.rpartition("\n")
        self.pages[url] = text
        return int(status), text

    def post(self, path, *fields):
        encoded = [part for field in fields for part in ("--data-urlencode", field)]
        return self.ask(path, *(encoded or ["--data", ""]))

    def expect(self, what, answer, status, words=""):
        problems = [f"status {answer[0]}"] * (answer[0] != status)
        check(what, problems + [f"does not say {words!r}"] * (words not in unescape(answer[1])))
        return answer[1]
