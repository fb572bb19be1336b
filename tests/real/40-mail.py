#!/usr/bin/env python3
"""An alert and its correction, sent by SMTP and read as mail programs read them.

    40-mail.py                              to aiosmtpd, which this starts
    40-mail.py --relay PORT --maildir DIR   to a relay that delivers into a maildir

Each subscriber gets each mail once, without a defect; who leaves by the mail's own one-click address (RFC 8058)
gets no more.
"""

import argparse
import email
import email.policy
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path

import icalendar
from aiosmtpd.controller import Controller

from service import Service, action, check, end, free_port, get, wait_for

PEOPLE = [
    "juniper@example.org", "quince+notices@example.org", "o'alder@example.net", "pelican_bay@example.com",
    "a.reader.with.a.rather.long.name.before.the.sign@example.com",
] + [f"neighbor{number}@example.org" for number in range(45)]
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
reply_to = "hello@example.org"
transport = "smtp"
[mail.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
connections = 4
[[list]]
name = "alerts"
title = "Action alerts"
when = "at once"
kinds = ["action"]
"""


class Mailbox:
    """Keeps what aiosmtpd takes: recipients and bytes."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((envelope.rcpt_tos, envelope.original_content))
        return "250 2.0.0 kept"

    def read(self):
        return list(self.mails)


class Maildir:
    """What a relay delivered, without the fields that it put before ours."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def read(self):
        mails = []
        for file in sorted(self.folder.glob("new/*")):
            data = file.read_bytes().replace(b"\n", b"\r\n")
            recipient = re.search(rb"^Delivered-To: (\S+)\r$", data, re.M)
            mails.append(([recipient[1].decode()], data[data.index(b"\r\nDate: ") + 2 :]))
        return mails


def read_calendar(data):
    calendar = icalendar.Calendar.from_ical(data)
    problems = [f"{part.name}: {error}" for part in calendar.walk() for error in part.errors]
    problems += [f"no VTIMEZONE {zone}" for zone in calendar.get_missing_tzids()]
    return list(calendar.walk("VEVENT")), problems


def problems_of(recipients, data, subject, words):
    """What is wrong with one mail."""
    mail = email.message_from_bytes(data, policy=email.policy.default)
    problems = [f"defect: {defect!r}" for part in mail.walk() for defect in part.defects]
    problems += [f"defect in {name}: {defect!r}" for name, value in mail.items() for defect in value.defects]
    if [address.addr_spec for address in mail["To"].addresses] != recipients:
        problems.append(f"to {mail['To']} and not to whom it was sent")
    if subject not in mail["Subject"]:
        problems.append(f"subject {mail['Subject']}")
    for name in ("Date", "Message-ID", "List-Id", "List-Unsubscribe"):
        if len(mail.get_all(name, [])) != 1:
            problems.append(f"{name} is not there once")
    if mail["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        problems.append(f"List-Unsubscribe-Post: {mail['List-Unsubscribe-Post']}")
    lines = data.split(b"\r\n")
    if max(map(len, lines)) > 998 or any(b"\n" in line or b"\r" in line for line in lines):
        problems.append("a line that is too long or does not end with CRLF")
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    if plain is None or html is None:
        return problems + ["a text or its HTML is not there"]
    for word in words:
        if word not in plain.get_content():
            problems.append(f"the text does not say {word!r}")
        if word not in html.get_content():
            problems.append(f"the HTML does not say {word!r}")
    if re.search(r"<(img|script|iframe|link|form|video|audio)\b|url\(", html.get_content(), re.I):
        problems.append("the HTML loads or runs something")
    calendars = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    if len(calendars) != 1:
        return problems + [f"{len(calendars)} calendars"]
    events, found = read_calendar(calendars[0].get_payload(decode=True))
    return problems + found + ([] if len(events) == 1 else [f"{len(events)} events"])


def message_ids(mails):
    """By recipient: Message-ID and In-Reply-To."""
    heads = [(recipients[0], email.message_from_bytes(data, policy=email.policy.default)) for recipients, data in mails]
    return {who: (mail["Message-ID"], mail["In-Reply-To"]) for who, mail in heads}


def check_mails(what, mails, people, subject, words):
    counts = Counter(recipient for recipients, _ in mails for recipient in recipients)
    wrong = [f"{who}: {counts[who]} times" for who in set(counts) | set(people) if counts[who] != (who in people)]
    check(f"{what}: each of {len(people)} people gets it once", wrong)
    found = [f"{to[0]}: {p}" for to, data in mails for p in problems_of(to, data, subject, words)]
    check(f"{what}: {len(mails)} mails without a defect", found)


def check_links(url, data):
    """Every address on our own site that a mail names leads somewhere."""
    text = email.message_from_bytes(data, policy=email.policy.default).get_body(("plain",)).get_content()
    links = sorted(set(re.findall(re.escape(url) + r"[^\s>]*", text)))
    check("every link to the site in a mail leads somewhere", [f"{get(link)[0]} {link[:60]}" for link in links if get(link)[0] != 200])


def check_leaving(mails, who):
    """One click, as a mail program does it: a POST to the https or http address of List-Unsubscribe."""
    data = next(data for recipients, data in mails if recipients == [who])
    address = re.search(r"<(http[^>]*)>", email.message_from_bytes(data, policy=email.policy.default)["List-Unsubscribe"])[1]
    get(address)
    status, _ = get(address, b"List-Unsubscribe=One-Click")
    check("one click is taken", [] if status == 200 else [f"status {status}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--relay", type=int)
    parser.add_argument("--maildir")
    options = parser.parse_args()
    port, controller = options.relay, None
    box = Maildir(options.maildir) if options.maildir else Mailbox()
    if port is None:
        port = free_port()
        controller = Controller(box, hostname="127.0.0.1", port=port)
        controller.start()
    with tempfile.TemporaryDirectory() as folder:
        with Service(folder, TABLES.format(port=port), PEOPLE) as service:
            service.publish("heat", action("Heat for the third floor", "Alder Hall"))
            wait_for("the alert goes out", lambda: len(box.read()) >= len(PEOPLE))
            alert = box.read()
            check_mails("alert", alert, PEOPLE, "Heat for the third floor", ["Alder Hall", "the law says"])
            check_links(service.url, alert[0][1])
            check_leaving(alert, PEOPLE[0])

            rest = PEOPLE[1:]
            service.publish("heat", action("Heat for the third floor", "Birch Church", status="moved"))
            wait_for("the correction goes out", lambda: len(box.read()) >= len(PEOPLE) + len(rest))
            # Ended before it is counted: what would come too often has come by then.
        correction = box.read()[len(alert) :]
        if options.maildir:
            # Names of files in a maildir are not in the order of arrival.
            seen = {data for _, data in alert}
            correction = [mail for mail in box.read() if mail[1] not in seen]
        check_mails("correction", correction, rest, "Heat for the third floor", ["Birch Church"])
        before, after = message_ids(alert), message_ids(correction)
        check("a correction is threaded to the alert", [who for who in after if after[who][1] != before[who][0]])
        ids = [pair[0] for pair in (*before.values(), *after.values())]
        check("every Message-ID is another", [str(n) for n in (len(ids) - len(set(ids)),) if n])
    if controller:
        controller.stop()
    end()


if __name__ == "__main__":
    sys.exit(main())
