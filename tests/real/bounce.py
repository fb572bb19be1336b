"""The service of 45-bounce.sh: whom Postfix does not know is suppressed by its report; who stays is not.

    bounce.py --relay PORT --listener PORT --maildir DIR
"""

import argparse
import re
import smtplib
import sqlite3
import tempfile
from pathlib import Path

from service import Service, action, check, end, wait_for

KNOWN = ["quince@example.org", "alder@example.org"]
UNKNOWN = ["juniper@example.org", "pelican@example.org"]
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
transport = "smtp"
return_path = "bounces@lists.example.org"
[mail.smtp]
host = "127.0.0.1"
port = {relay}
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
"""


def standings(service):
    """How many are confirmed, and how many have gone for which reason."""
    with sqlite3.connect(f"file:{service.folder}/data/ledger.db?mode=ro", uri=True) as ledger:
        gone = dict(ledger.execute("SELECT reason, COUNT(*) FROM suppression GROUP BY reason").fetchall())
        confirmed = ledger.execute("SELECT COUNT(*) FROM subscriber WHERE standing = 1").fetchone()[0]
    return gone | {"confirmed": confirmed}


def delivered(maildir):
    return [file.read_text() for file in Path(maildir).glob("new/*")]


def check_return_paths(mails):
    paths = [re.search(r"^Return-Path: <(.*)>$", mail, re.M)[1] for mail in mails]
    wrong = [path for path in paths if not re.fullmatch(r"bounces\+[a-z2-7]{40}@lists\.example\.org", path)]
    check("each mail has a return path of its own", wrong + (["two are the same"] if len(set(paths)) < len(paths) else []))
    return paths


def hand_in(port, to, text):
    """Gives a mail to the relay, as a provider or a reader does."""
    with smtplib.SMTP("127.0.0.1", port, "somebody.example.net") as relay:
        relay.sendmail("somebody@example.org", [to], text.replace("\n", "\r\n").encode())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--relay", type=int, required=True)
    parser.add_argument("--listener", type=int, required=True)
    parser.add_argument("--maildir", required=True)
    options = parser.parse_args()
    tables = TABLES.format(relay=options.relay, listener=options.listener)
    with tempfile.TemporaryDirectory() as folder, Service(folder, tables, KNOWN + UNKNOWN) as service:
        service.publish("heat", action("Heat for the third floor", "Alder Hall"))
        wait_for("the alert goes out", lambda: len(delivered(options.maildir)) >= len(KNOWN))
        wait_for("whom the relay does not know is suppressed", lambda: standings(service).get("bounced") == len(UNKNOWN))
        check("who gets mail stays", [] if standings(service)["confirmed"] == len(KNOWN) else [str(standings(service))])
        mails = delivered(options.maildir)
        paths = check_return_paths(mails)

        hand_in(options.relay, paths[0], "From: quince@example.org\nSubject: Away\nAuto-Submitted: auto-replied\n\nBack in May.\n")
        leave = re.search(r"<mailto:(leave\+[^>]*)>", mails[0])[1]
        hand_in(options.relay, leave, "From: quince@example.org\nSubject: unsubscribe\n\n")
        wait_for("who writes to the address for it leaves", lambda: standings(service).get("left") == 1)
        complaint = (
            'From: feedback@example.org\nContent-Type: multipart/report; boundary="b"\n\n--b\n'
            "Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n--b\n"
            f"Content-Type: message/rfc822\n\n{mails[1]}\n--b--\n"
        )
        hand_in(options.relay, "complaints@lists.example.org", complaint)
        wait_for("who complains is suppressed", lambda: standings(service).get("complained") == 1)
        expected = {"bounced": len(UNKNOWN), "left": 1, "complained": 1, "confirmed": 0}
        check("nobody else changed", [] if standings(service) == expected else [str(standings(service))])
        log = (Path(folder) / "serve.log").read_text()
        check("its log names nobody", [line for line in log.splitlines() if "@" in line or paths[0][8:48] in line])
    end()


if __name__ == "__main__":
    main()
