"""Mail as an SMTP server took it, taken apart for who reads it; and reports of mail that came back."""

import email
import email.policy
import json
import re
from pathlib import Path

from service import wait_for


class Post:
    """Keeps what aiosmtpd takes: in memory, and each mail as a JSON file whose name is its number."""

    def __init__(self, folder=None):
        self.folder = folder and Path(folder)
        self.mails = []
        self.given = set()

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.original_content, policy=email.policy.default)
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos[0],
            "subject": mail["Subject"],
            "text": mail.get_body(("plain",)).get_content(),
            "html": mail.get_body(("html",)).get_content(),
        }
        if self.folder:
            # Renamed when it is whole: another process reads it.
            part = self.folder / f"{len(self.mails)}.part"
            part.write_text(json.dumps(kept))
            part.rename(part.with_suffix(".json"))
        self.mails.append({**kept, "raw": envelope.original_content})
        return "250 2.0.0 kept"

    def read(self):
        return list(self.mails)

    def next(self, address):
        """The first mail to that address that was not given before, when it has come."""
        def found():
            mails = enumerate(self.read())
            return [number for number, mail in mails if mail["to"] == address and number not in self.given]

        wait_for(f"a mail to {address} comes", found)
        number = found()[0]
        self.given.add(number)
        return self.mails[number]


def links_of(mail):
    """The links into the folders of the site that a person's mail has, by folder."""
    return {folder: url for url, folder in re.findall(r"(https?://\S+?/(confirm|leave|preferences|stay)/[\w-]+)", mail["text"])}


def report(to, recipient, status):
    """A report in the form of RFC 3464 that a mail could not be delivered."""
    return (
        f"From: Mail System <mailer-daemon@relay.example.net>\nTo: {to}\nSubject: Undelivered mail\n"
        "Auto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n--b\n\nIt did not arrive.\n\n--b\n'
        "Content-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example.net\n\n"
        f"Final-Recipient: rfc822; {recipient}\nAction: failed\nStatus: {status}\n\n--b--\n"
    ).replace("\n", "\r\n").encode()
