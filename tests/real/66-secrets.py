#!/usr/bin/env python3
"""After everything that people do with the list, no byte that is kept says who they are.

Readers subscribe, confirm, choose, leave, ask too much and ask wrongly; their mail is sent, refused, deferred, comes
back, is complained about. Then all bytes are searched for every address, token and client address that was used, in
every form that a text takes on its way: the installation with its database and journal, the log at its most
talkative, the metrics, what the commands say, the names of the files in the outbox. At the end each form is planted,
and must be found.
Needs: curl
"""

import base64
import binascii
import json
import quopri
import re
import smtplib
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from aiosmtpd.controller import Controller

from curl import Curl
from post import Post, links_of, report
from service import HANDBILL, Service, action, check, end, free_port, wait_for

TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
return_path = "bounces@lists.example.org"
transport = "smtp"
[mail.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
[mail.inbound]
listen = "127.0.0.1:{listener}"
complaints = "complaints@lists.example.org"
leave = "leave@lists.example.org"
[[list]]
name = "alerts"
title = "Action alerts"
when = "at once"
kinds = ["action"]
digest = "weekly"
[[list]]
name = "weekly"
title = "Weekly notices"
when = "0 9 * * MON"
"""
OUTBOX = 'transport = "outbox"'

# What becomes of each of them. Local part and domain are words that stand nowhere else.
PEOPLE = {
    who: f"{who}.quillfeather{number}@marshwren{number}.example.org"
    for number, who in enumerate(
        ["chooses", "refused", "deferred", "bounces", "complains", "writes", "waits", "erased", "added", "outboxed"]
    )
}
FORWARDED = "203.0.113.{}"
INTERFACE = "127.83.{}.97"
# 40 characters of base32 in the addresses that come back to us.
ERRAND = r"(?:bounces|leave)\+([a-z2-7]{40})@"


class Relay(Post):
    """Refuses as relays do, repeating the address in the answer."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        # They come to be refused when they have confirmed and been welcomed.
        is_known = sum(mail["to"] == address for mail in self.mails) == 2
        if is_known and address.lower() == PEOPLE["refused"]:
            return f"550 5.1.1 <{address}>: Recipient address rejected: User unknown"
        if is_known and address.lower() == PEOPLE["deferred"]:
            return f"450 4.2.0 <{address}>: Recipient address rejected: Greylisted"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"


class Used:
    """What was used that names somebody: each with what it is."""

    def __init__(self):
        self.secrets = {}

    def add(self, what, *secrets):
        self.secrets |= {secret: what for secret in secrets}

    def address(self, address):
        local, _, domain = address.partition("@")
        self.add("an address", address)
        self.add("the local part of an address", local)
        self.add("the domain of an address", domain)

    def mails(self, mails):
        for mail in mails:
            whole = mail["text"] + mail["raw"].decode("latin-1").replace("=\r\n", "")
            self.add("a token", *re.findall(r"/(?:confirm|leave|preferences|stay)/([\w-]{20,})", whole))
            self.add("a token of an address of ours", *re.findall(ERRAND, mail["from"] + whole))
            self.add("a Message-ID", *re.findall(r"^Message-ID: <([0-9a-f]{32})@", whole, re.M))


def forms(secret):
    """The bytes that a text may have become; those in which letter case means nothing are in lower case."""
    raw = secret.encode()
    for text in {raw, raw.lower(), raw.upper(), raw.title()}:
        # In base64 it stands at one of three places within a group, and its ends depend on what is beside it.
        for shift in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                encoded = encode(b"\0" * shift + text).rstrip(b"=")
                yield "base64", encoded[{0: 0, 1: 2, 2: 3}[shift] : -2]
        yield "base32", base64.b32encode(text).rstrip(b"=")[:-2].lower()
    folded = raw.lower()
    yield "plain", folded
    yield "percent-encoded", quote(folded, safe="").lower().encode()
    yield "percent-encoded throughout", "".join(f"%{byte:02x}" for byte in folded).encode()
    yield "quoted-printable", quopri.encodestring(folded, quotetabs=True).replace(b"=\n", b"").replace(b"@", b"=40").lower()
    yield "hexadecimal", binascii.hexlify(folded)
    yield "UTF-16", folded.decode().encode("utf-16-le")
    yield "HTML", folded.replace(b"@", b"&#64;")
    yield "HTML", folded.replace(b"@", b"&#x40;")
    yield "backwards", folded[::-1]
    numbers = secret.split(".")
    if len(numbers) == 4 and all(number.isdigit() for number in numbers):
        yield "bytes of an IP address", bytes(map(int, numbers))
        yield "an IP address as a number", str(int.from_bytes(bytes(map(int, numbers)), "big")).encode()


def needles(used):
    """Every form of every secret that is long enough to be no accident: which of them, and what it is."""
    found = {}
    for secret, what in used.secrets.items():
        for form, needle in forms(secret):
            if len(needle) >= (4 if form.startswith("bytes") else 7):
                found.setdefault(needle, f"{what}, {form}: {secret}")
    return found


def search(bytes_of, needles):
    """Where a needle stands: its place and what it is."""
    problems = []
    for place, data in bytes_of.items():
        # Lines that quoted-printable or a log has parted are put together.
        folded = data.lower()
        unfolded = folded.replace(b"=\r\n", b"").replace(b"=\n", b"")
        for needle, what in needles.items():
            if needle in data or needle in folded or needle in unfolded:
                problems.append(f"{place}: {what}")
    return problems


def kept(folder):
    """The bytes of every file under a folder, and the names of all.

    Mails in the outbox are named alone: they are for their readers. A compressed document stands beside its plain one.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found[f"the name {name}"] = name.encode()
        if path.is_file() and path.suffix not in (".eml", ".gz", ".br"):
            found[name] = path.read_bytes()
    return found


class Town:
    """The service and all who have to do with it."""

    def __init__(self, service, post, listener):
        self.service, self.post, self.listener = service, post, listener
        self.used = Used()
        self.seen = {}
        self.visitors = 0

    def visitor(self):
        """A reader at an address of their own, behind a proxy that names it or not."""
        self.visitors += 1
        mine, forwarded = INTERFACE.format(self.visitors), FORWARDED.format(100 + self.visitors)
        self.used.add("a client's IP address", mine, forwarded)
        if self.visitors % 2:
            return Curl(self.service, "--interface", mine)
        return Curl(self.service, "--header", f"X-Forwarded-For: {forwarded}")

    def join(self, who):
        self.used.address(PEOPLE[who])
        curl = self.visitor()
        curl.expect(f"{who} asks", curl.post("subscribe", f"address={PEOPLE[who].title()}", "lists=alerts"), 200)
        curl.expect(f"{who} confirms", curl.post(links_of(self.next(who))["confirm"]), 200)
        return curl, links_of(self.next(who))

    def next(self, who):
        # As they typed it: letters of the local part stay.
        local, _, domain = PEOPLE[who].title().partition("@")
        return self.post.next(f"{local}@{domain.lower()}")

    def hand_in(self, to, data):
        with smtplib.LMTP("127.0.0.1", self.listener) as listener:
            listener.sendmail("", [to], data)

    def say(self, *arguments):
        """What a command says, and its log at its most talkative."""
        ran = subprocess.run([HANDBILL, "-C", str(self.service.folder), "--log", "trace", *arguments], capture_output=True)
        self.seen[f"handbill {' '.join(arguments)}"] = ran.stdout + ran.stderr
        return ran.stdout

    def look(self, when):
        """Keeps all that can be seen now."""
        self.seen |= {f"{name} ({when})": data for name, data in kept(self.service.folder).items()}
        metrics = Curl(self.service).expect(f"{when}, the metrics", Curl(self.service).ask(self.service.metrics), 200, "handbill_sent")
        self.seen[f"the metrics ({when})"] = metrics.encode()
        for command in (["queue", "--all"], ["subscribers", "list", "--json"], ["subscribers", "stats"], ["audit"], ["plan"]):
            self.say(*command)
        for edition in json.loads(self.say("queue", "--all", "--json")):
            self.say("edition", edition["edition"], "--json")


def ask_wrongly(town):
    """What must not come into a log: addresses where none belong, broken and too long requests, a trap."""
    address = "nobody.quillfeather99@marshwren99.example.org"
    town.used.address(address)
    curl = town.visitor()
    for path in (f"confirm/{address}", f"preferences/{address}", f"subscribe?address={address}", f"notices/{address}/", f"%ff{address}"):
        curl.ask(path)
    curl.post("subscribe", f"address={address}x@y", "lists=alerts")
    curl.post("subscribe", f"address={address}", "lists=unknown")
    curl.post("subscribe", f"address={address}", "lists=alerts", "lang=<i>")
    curl.post("subscribe", f"address={address}", "lists=alerts", "website=https://example.com/")
    curl.post("subscribe", f"address={address * 500}", "lists=alerts")
    curl.ask("api/subscribe", "--json", f'{{"address": "{address}", "list": 1}}')
    curl.ask("subscribe", "--header", f"Cookie: {address}", "--user-agent", address, "--request", "BREW")
    with smtplib.LMTP("127.0.0.1", town.listener) as listener:
        listener.docmd("MAIL", f"FROM:<{address}> BODY=ODD")
        listener.docmd("RCPT", f"TO:<{address}>")
        listener.docmd("VRFY", address)
        listener.docmd(address)
    ran = subprocess.run([HANDBILL, "-C", str(town.service.folder), "--log", "trace", "bounce"], input=f"To: <{address}>\n\n{address}".encode(), capture_output=True)
    town.seen["handbill bounce"] = ran.stdout + ran.stderr


def live(town):
    """All that becomes of people."""
    post, service = town.post, town.service
    chooser, links = town.join("chooses")
    for who in ("refused", "deferred", "bounces", "complains", "writes", "erased"):
        town.join(who)
    town.used.address(PEOPLE["waits"])
    town.visitor().post("subscribe", f"address={PEOPLE['waits']}", "lists=weekly")
    post.next(PEOPLE["waits"])
    town.used.address(PEOPLE["added"])
    service.run("subscribers", "add", PEOPLE["added"], "--list", "alerts", "--consent", "a test")
    ask_wrongly(town)

    mine = f"address={PEOPLE['chooses']}"
    chooser.post(links["preferences"], "address=eve@example.org", "lists=weekly")
    chooser.post(links["preferences"], mine, "lists=alerts", "lists=weekly", "digest=alerts", "lang=es", "paused_until=2199-01-01")
    shown = json.loads(chooser.post(links["preferences"], mine, "do=show")[1])
    check("they see their own address", [] if shown["address"].lower() == PEOPLE["chooses"] else [str(shown)])

    service.publish("heat", action("Heat for the third floor", "Alder Hall"))
    alerts = {who: town.next(who) for who in ("bounces", "complains", "writes", "erased")}
    post.next(PEOPLE["added"])
    town.hand_in(alerts["bounces"]["from"], report(alerts["bounces"]["from"], PEOPLE["bounces"], "5.1.1"))
    complaint = (
        b'From: feedback@example.org\r\nContent-Type: multipart/report; boundary="c"\r\n\r\n--c\r\n'
        b"Content-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nVersion: 1\r\n\r\n--c\r\n"
        b"Content-Type: message/rfc822\r\n\r\n" + alerts["complains"]["raw"] + b"\r\n--c--\r\n"
    )
    town.hand_in("complaints@lists.example.org", complaint)
    leave = re.search(rb"<mailto:(leave\+[^>?]*)", alerts["writes"]["raw"].replace(b"\r\n ", b" "))[1].decode()
    town.hand_in(leave, f"From: {PEOPLE['writes']}\r\nSubject: unsubscribe\r\n\r\n".encode())
    service.run("subscribers", "erase", PEOPLE["erased"])
    town.say("subscribers", "suppress", PEOPLE["outboxed"])
    town.say("subscribers", "suppress", "--lift", PEOPLE["outboxed"])

    def gone():
        rows = json.loads(service.run("subscribers", "list", "--json"))
        # Who chooses, who is deferred, who was added and who waits are left.
        return len(rows) == 4

    wait_for("those who bounced, complained, wrote and were refused are gone", gone)
    town.look("while it runs")
    chooser.expect("they leave by the button", chooser.post(links["leave"]), 200)


def to_outbox(town):
    """The same installation with the outbox: its file names."""
    config = town.service.folder / "handbill.toml"
    text = config.read_text()
    start, stop = text.index('transport = "smtp"'), text.index("[mail.inbound]")
    config.write_text(text[:start] + OUTBOX + "\n" + text[stop:])
    with town.service as service:
        town.used.address(PEOPLE["outboxed"])
        town.visitor().post("subscribe", f"address={PEOPLE['outboxed']}", "lists=alerts")
        outbox = service.folder / "data/outbox"
        wait_for("a mail is in the outbox", lambda: list(outbox.glob("*.eml")))
        town.look("with the outbox")
    check("the outbox has names to search", [] if any(".eml" in name for name in town.seen) else ["none"])


def prove(town, found):
    """Each form of an address is found where it is planted: in the database, in the log, in a file's name."""
    address = PEOPLE["added"]
    planted = {}
    for number, (form, needle) in enumerate(forms(address)):
        planted[f"{number} {form}"] = b"\x00page of a database\xff" + needle + b"\x00"
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        planted |= {f"{encode.__name__} {shift}": encode(b"To: <"[:shift] + address.encode() + b">, and more") for shift in range(3)}
    planted["a quoted-printable line that is parted"] = b"To: " + address[:9].encode() + b"=\r\n" + address[9:].encode()
    planted["a log"] = f'{{"level":"TRACE","message":"to {address.upper()}"}}'.encode()
    planted["an IP address"] = FORWARDED.format(101).encode()
    missed = [name for name, data in planted.items() if not search({name: data}, found)]
    check(f"each of {len(planted)} forms of an address is found where it is planted", missed)
    folder = Path(tempfile.mkdtemp(dir=town.service.folder))
    (folder / f"confirmation-{address}.eml").touch()
    (folder / "ledger.db-wal").write_bytes(b"\0" * 5000 + address.encode() + b"\0" * 5000)
    check("and in a file's bytes and name", [] if len({p.split(":")[0] for p in search(kept(folder), found)}) == 2 else ["not in both"])


def main():
    with tempfile.TemporaryDirectory() as folder:
        post, port, listener = Relay(), free_port(), free_port()
        controller = Controller(post, hostname="127.0.0.1", port=port)
        controller.start()
        service = Service(folder, TABLES.format(port=port, listener=listener), log="trace")
        town = Town(service, post, listener)
        with service:
            live(town)
        town.seen |= {f"{name} (at rest)": data for name, data in kept(service.folder).items()}
        to_outbox(town)
        controller.stop()
        town.used.mails(post.read())
        for file in (service.folder / "data/outbox").glob("*.eml"):
            town.used.mails([{"from": "", "text": "", "raw": file.read_bytes()}])
        found = needles(town.used)
        counts = {what: list(town.used.secrets.values()).count(what) for what in sorted({*town.used.secrets.values()})}
        print("searched for " + ", ".join(f"{count} of {what}" for what, count in counts.items()))
        size = sum(map(len, town.seen.values()))
        logged = sum(len(data.splitlines()) for name, data in town.seen.items() if "serve.log" in name and "name " not in name)
        check("there is a log to search", [] if logged > 10 else [f"{logged} lines"])
        problems = search(town.seen, found)
        check(f"nothing of it in {size} bytes at {len(town.seen)} places", problems)
        prove(town, found)
    end()


if __name__ == "__main__":
    sys.exit(main())
