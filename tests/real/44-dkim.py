#!/usr/bin/env python3
"""The signatures on mails that went over SMTP, verified by dkimpy and by Debian's opendkim.

Both get the records that `handbill dkim keygen` printed, and no name server is asked. A mail that was changed must
fail: a word of the body, a signed field, or a second From in front.

Needs: opendkim
"""

import os
import re
import subprocess
import sys
import tempfile
from json import loads
from pathlib import Path

import dkim
from aiosmtpd.controller import Controller

from service import Service, action, check, end, free_port, wait_for

PEOPLE = ["juniper@example.org", "quince+notices@example.org", "o'alder@example.net"]
ALGORITHMS = [b"rsa-sha256", b"ed25519-sha256"]
# RFC 8058 section 4 asks for the last two.
COVERED = [b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post"]
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
transport = "smtp"
[mail.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
[mail.dkim]
rsa_selector = "alder-rsa"
rsa_key_file = "secrets/dkim-alder-rsa.pem"
ed25519_selector = "alder-ed25519"
ed25519_key_file = "secrets/dkim-alder-ed25519.pem"
[[list]]
name = "alerts"
title = "Action alerts"
when = "at once"
kinds = ["action"]
"""
FORGERIES = [
    ("a word of the body", rb"\bAlder Hall\b", b"Birch Hall"),
    ("the subject", rb"(?m)^Subject: ", b"Subject: Forged: "),
    ("the address to leave by", rb"(?m)^List-Unsubscribe: <", b"List-Unsubscribe: <https://example.net/?"),
    ("what a click on it posts", rb"(?m)^List-Unsubscribe-Post: .*\r$", b"List-Unsubscribe-Post: Other=Yes\r"),
    ("a second From", rb"(?m)^From: ", b"From: mallory@example.net\r\nFrom: "),
]


class Mailbox:
    """Keeps what aiosmtpd takes."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append(envelope.original_content)
        return "250 2.0.0 kept"


def zone_records(printed):
    """Name and value of each line for a zone file, its strings joined."""
    lines = re.findall(r"^(\S+)\. IN TXT \( (.*) \)$", printed, re.M)
    return {name: "".join(re.findall(r'"([^"]*)"', strings)) for name, strings in lines}


def by_dkimpy(records, mail):
    """What dkimpy says of each signature: True or why not."""
    answer = lambda name, timeout=5: records[name.decode().rstrip(".")].encode()
    verdicts = []
    for number in range(mail.count(b"DKIM-Signature:")):
        try:
            verdicts.append(dkim.DKIM(mail).verify(idx=number, dnsfunc=answer) or "does not verify")
        except dkim.DKIMException as error:
            verdicts.append(str(error))
    return verdicts


def signatures(mail):
    """The tags of each DKIM-Signature, folds and their white space left out."""
    fields = re.findall(rb"(?ms)^DKIM-Signature:(.*?)\r\n(?![ \t])", mail)
    tags = lambda field: (tag.split(b"=", 1) for tag in field.split(b";"))
    return [{name.strip(): b"".join(value.split()) for name, value in tags(field)} for field in fields]


def wrong_in(mail):
    problems = []
    found = signatures(mail)
    if [tags[b"a"] for tags in found] != ALGORITHMS:
        problems.append(f"signed by {[tags[b'a'] for tags in found]}")
    for tags in found:
        names = tags[b"h"].split(b":")
        problems += [f"{name.decode()} is not signed against a second one" for name in COVERED if names.count(name) < 2]
        if tags[b"d"] != b"example.org" or tags[b"i"] != b"@example.org" or b"l" in tags:
            problems.append(f"{tags}")
    return problems


class Opendkim:
    """Debian's filter in its mode for tests, with the records in a file."""

    def __init__(self, folder, records):
        self.folder = Path(folder)
        self.environment = dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin")
        (self.folder / "records").write_text("".join(f"{name} {value}\n" for name, value in records.items()))
        (self.folder / "config").write_text(f"Mode v\nSyslog no\nTestDNSData file:{self.folder}/records\n")

    def passed(self, mail):
        """The algorithms whose signatures it lets pass, as its Authentication-Results say."""
        (self.folder / "mail").write_bytes(mail)
        command = ["opendkim", "-x", str(self.folder / "config"), "-t", str(self.folder / "mail"), "-vvv"]
        ran = subprocess.run(command, text=True, capture_output=True, env=self.environment, timeout=60)
        return re.findall(r"dkim=pass\b.*? header\.a=(\S+)", ran.stdout)


def main():
    port, box = free_port(), Mailbox()
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, TABLES.format(port=port), PEOPLE)
        records = zone_records(service.run("dkim", "keygen", "--selector", "alder"))
        told = {record["name"]: record["value"] for record in loads(service.run("dkim", "records", "--json"))}
        check("keygen's lines for a zone file say what its records are", [] if records == told and len(told) == 2 else [records, told])
        with service:
            service.publish("heat", action("Heat for the third floor", "Alder Hall"))
            wait_for("the alert goes out", lambda: len(box.mails) >= len(PEOPLE))
    controller.stop()
    mails = list(box.mails)
    check("each mail is signed twice, and both signatures cover what they should", [p for mail in mails for p in wrong_in(mail)])
    verdicts = [verdict for mail in mails for verdict in by_dkimpy(records, mail)]
    check(f"dkimpy verifies {len(verdicts)} signatures", [v for v in verdicts if v is not True])
    with tempfile.TemporaryDirectory() as folder:
        opendkim = Opendkim(folder, records)
        passed = [opendkim.passed(mail) for mail in mails]
        # OpenDKIM 2.11 also knows Ed25519.
        check(f"opendkim verifies both of {len(mails)} mails", [p for p in passed if p != [a.decode() for a in ALGORITHMS]])
        for what, pattern, put in FORGERIES:
            forged = re.sub(pattern, put, mails[0], count=1)
            fooled = [v for v in by_dkimpy(records, forged) if v is True] + opendkim.passed(forged)
            problems = [f"nothing was changed by {pattern}"] if forged == mails[0] else [f"{v}" for v in fooled]
            check(f"both refuse a mail with another value: {what}", problems)
    end()


if __name__ == "__main__":
    sys.exit(main())
