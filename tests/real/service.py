"""An installation in a folder of its own, and its service on free ports of this machine."""

import contextlib
import glob
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

ZONE = "America/New_York"
HANDBILL = os.environ.get("HANDBILL", str(Path(__file__).resolve().parents[2] / "target/debug/handbill"))

# From Debian's libfaketime: under it a program that is not ours to wait for sees another day.
FAKETIME = "/usr/lib/*/faketime/libfaketimeMT.so.1"

failures = 0


def check(what, problems):
    """Prints one line; `problems` is a list of clauses, empty when all is well."""
    global failures
    failures += bool(problems)
    print(f"{'FAIL' if problems else 'ok  '} {what}" + "".join(f"\n     {p}" for p in problems[:5]), flush=True)


def end():
    """Exits by what the checks found."""
    print(f"{failures} failed" if failures else "all well")
    sys.exit(1 if failures else 0)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=60):
    """Waits until `condition()` is true; after `seconds` that is a failure and the end."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            check(what, [f"not within {seconds} s"])
            end()
        time.sleep(0.05)


def etag(url):
    """That of what stands at an address."""
    with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10) as answer:
        return answer.headers["etag"]


def get(url, data=None):
    """The status and the text of an answer, whatever the status is."""
    try:
        with urllib.request.urlopen(url, data, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read().decode()


def run_client(home, *command):
    """What a program of Debian's says, with Debian's libraries; its exit must be 0, and it must not complain."""
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb", "HOME": str(home)}
    ran = subprocess.run(command, text=True, capture_output=True, env=environment)
    if ran.returncode != 0 or ran.stderr:
        check(command[0], [f"exit {ran.returncode}", *ran.stderr.splitlines()[-4:]])
        end()
    return ran.stdout


def action(title, place, status="scheduled", days=3):
    """An action some days from now at noon."""
    day = (datetime.now(ZoneInfo(ZONE)) + timedelta(days=days)).date()
    return (
        f'+++\nkind = "action"\ntitle = "{title}"\nsummary = "Bring the whole house."\ntags = ["rent"]\n'
        f'hosts = ["Alder Street Tenants"]\nstarts = {day} 12:00\nzone = "{ZONE}"\n'
        f'weekday = "{day:%A}"\nstatus = "{status}"\n\n[place]\nname = "{place}"\n'
        f'address = "12 Alder Street, New York, NY"\n+++\n'
        "The third floor’s heat is off since *Monday*. We ask for it together, with "
        "[what the law says](https://example.org/heat).\n"
    )


class Service:
    """`handbill serve` over a new installation; `tables` is what its config has beside the site, `log` its filter.

    `clock` is how far its clock is from the machine's, such as `"-120d"`; another one holds from the next start on.
    """

    def __init__(self, folder, tables, subscribers=(), log="info", clock=None):
        self.folder = Path(folder)
        self.clock = clock
        self.port, metrics = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        self.metrics = f"http://127.0.0.1:{metrics}/metrics"
        self.process = None
        self.filter = log
        self.run("init", "--empty")
        (self.folder / "handbill.toml").write_text(
            f'[site]\ntitle = "Alder Street notices"\norganization = "Alder Street Tenants"\nurl = "{self.url}"\n'
            f'zone = "{ZONE}"\ncontact = "hello@example.org"\ntag_domain = "alder.example.org"\n{tables}'
            f'[web]\nlisten = "127.0.0.1:{self.port}"\nmetrics = "127.0.0.1:{metrics}"\n'
        )
        if subscribers:
            rows = "".join(f"{address},alerts,en,2018-05-02T14:10:00Z\n" for address in subscribers)
            (self.folder / "people.csv").write_text("email,lists,lang,confirmed_at\n" + rows)
            self.run("subscribers", "import", str(self.folder / "people.csv"), "--consent", "a test")

    def environment(self):
        """The variables with which its program runs."""
        if self.clock is None:
            return None
        # What is waited for is waited for as long as ever.
        return os.environ | {"LD_PRELOAD": glob.glob(FAKETIME)[0], "FAKETIME": self.clock, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}

    def run(self, *arguments):
        """Runs one command to its end; its exit must be 0."""
        command = [HANDBILL, "-C", str(self.folder), *arguments]
        ran = subprocess.run(command, text=True, capture_output=True, env=self.environment())
        if ran.returncode != 0:
            check(f"handbill {arguments[0]}", [f"exit {ran.returncode}", *ran.stderr.splitlines()])
            end()
        return ran.stdout

    def publish(self, name, text):
        """Puts a notice into the folder, as an editor does: whole."""
        notices = self.folder / "notices"
        (notices / f".{name}.new").write_text(text)
        (notices / f".{name}.new").rename(notices / f"{name}.md")

    @contextlib.contextmanager
    def changing(self, path):
        """Waits, after what is done within, until the document at `path` is another."""
        before = etag(self.url + path)
        yield
        wait_for(f"{path} is another", lambda: etag(self.url + path) != before)

    def __enter__(self):
        self.log = open(self.folder / "serve.log", "w")
        command = [HANDBILL, "-C", str(self.folder), "--log", self.filter, "serve"]
        self.process = subprocess.Popen(command, stderr=self.log, stdout=self.log, env=self.environment())
        wait_for("the service starts", self.is_up, 30)
        return self

    def is_up(self):
        if self.process.poll() is not None:
            check("the service starts", (self.folder / "serve.log").read_text().splitlines()[-3:])
            end()
        try:
            return get(f"{self.url}healthz")[0] == 200
        except OSError:
            return False

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(20)
            check("the service stops when it is told to", [] if code == 0 else [f"exit {code}"])
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            check("the service stops when it is told to", ["not within 20 s"])
        self.log.close()
        errors = [line for line in (self.folder / "serve.log").read_text().splitlines() if "ERROR" in line]
        check("its log has no error", errors)
