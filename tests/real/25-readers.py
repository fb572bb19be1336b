#!/usr/bin/env python3
"""Feed readers that poll before and after each change of a notice: newsboat, rss2email and reader (PyPI), each over
Atom and RSS, reader over JSON Feed too.

A change is shown once and never makes a second article, and nothing that becomes of one notice touches another. What a
reader makes of a change is its own: newsboat puts the new text in the place of the old, and marks it unread only where
it is told to; rss2email sends a change only where it is told to, as an answer to the mail before; reader hands it to
its plugins as modified and leaves it read. Of what was taken back the title says so and the text is the reason; two
weeks later it is nowhere in the feeds but as a tombstone, and three months later not at all.
"""
# Needs: newsboat rss2email libfaketime

import email
import email.policy
import json
import re
import sqlite3
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import feedparser
import reader

from service import Service, action, check, end, get, run_client

TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
"""
HEAT, TITLE, OTHER = "heat", "Heat for the third floor", "Water for the third floor"
WHY = "The address was wrong."
FORMATS = ("atom", "rss", "json")
TOMBSTONE = "{http://purl.org/atompub/tombstones/1.0}deleted-entry"

RSS2EMAIL = """
[DEFAULT]
from = feeds@example.org
to = reader@example.org
email-protocol = maildir
maildir-path = {folder}
maildir-mailbox = mail
reply-changes = {replies}
verbose = warning
[feed.notices]
url = {url}
"""


class Newsboat:
    """newsboat; `shows_edits` is whether it is told to mark changed articles unread."""

    def __init__(self, folder, url, shows_edits):
        self.shows_edits = shows_edits
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        (self.folder / "urls").write_text(f"{url}\n")
        (self.folder / "config").write_text(f'reset-unread-on-update "{url}"\n' if shows_edits else "")

    def newsboat(self, *arguments):
        files = ("-u", self.folder / "urls", "-c", self.folder / "cache.db", "-C", self.folder / "config")
        return run_client(self.folder, "newsboat", "-q", *files, *arguments)

    def articles(self):
        with sqlite3.connect(self.folder / "cache.db") as cache:
            return cache.execute("SELECT guid, title, content, unread FROM rss_item WHERE deleted = 0").fetchall()

    def poll(self):
        """The titles of what is new to its reader, who then reads all of it."""
        said = self.newsboat("-x", "reload", "print-unread")
        unread = [title for _, title, _, unread in self.articles() if unread]
        check(f"newsboat counts {len(unread)} unread", [] if re.search(rf"\b{len(unread)} unread", said) else [said])
        (self.folder / "read").write_text("".join(f"{guid}\n" for guid, *_ in self.articles()))
        self.newsboat("-I", self.folder / "read")
        return unread

    def kept(self):
        """The title and the text of every article that it holds."""
        return [(title, content) for _, title, content, _ in self.articles()]


class Rss2email:
    """rss2email, into a maildir; `shows_edits` is whether it is told to send changes as answers."""

    def __init__(self, folder, url, shows_edits):
        self.shows_edits = shows_edits
        self.folder = Path(folder)
        for part in ("cur", "new", "tmp"):
            (self.folder / "mail" / part).mkdir(parents=True)
        self.config = self.folder / "rss2email.cfg"
        self.config.write_text(RSS2EMAIL.format(folder=self.folder, url=url, replies=shows_edits))
        self.mails, self.texts = {}, []

    def poll(self):
        """The subjects of the mails that it sends."""
        run_client(self.folder, "r2e", "-c", self.config, "-d", self.folder / "data.json", "run")
        subjects = []
        for path in sorted((self.folder / "mail/new").iterdir()):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            before = self.mails.get(mail["X-RSS-ID"])
            check(f"the mail answers the one before: {mail['Subject']}", [] if mail["In-Reply-To"] == before else [str(before)])
            self.mails[mail["X-RSS-ID"]] = mail["Message-ID"]
            self.texts.append(mail.get_content())
            subjects.append(str(mail["Subject"]))
            path.rename(self.folder / "mail/cur" / path.name)
        return subjects

    def kept(self):
        """Nothing: what was sent cannot be changed."""
        return None


class Reader:
    """reader, from PyPI."""

    def __init__(self, folder, url, shows_edits):
        self.shows_edits = shows_edits
        Path(folder).mkdir(parents=True)
        self.reader = reader.make_reader(f"{folder}/reader.db")
        self.reader.add_feed(url)
        self.shown = []
        self.reader.after_entry_update_hooks.append(lambda _, entry, status: self.shown.append((entry.title, status.value)))

    def poll(self):
        """The titles of what it says is new or modified."""
        self.shown.clear()
        # It would wait for as long as the answer before may be kept.
        for result in self.reader.update_feeds_iter(scheduled=False):
            if isinstance(result.value, Exception):
                check("reader reads the feed", [str(result.value)])
        unread = list(self.reader.get_entries(read=False))
        new = [title for title, status in self.shown if status == "new"]
        check("reader leaves read what was modified", [] if sorted(entry.title for entry in unread) == sorted(new) else new)
        for entry in unread:
            self.reader.mark_entry_as_read(entry)
        return [title for title, _ in self.shown]

    def kept(self):
        """The title and the text of every entry that it holds."""
        return [(entry.title, entry.get_content().value) for entry in self.reader.get_entries()]


def followers(service, folder):
    """Every reader over every format that it reads, those that can be told to show changes both ways."""
    made = {}
    for form in FORMATS:
        url = f"{service.url}feeds/all.{form}"
        kinds = [(Reader, True)] + [(kind, shows) for kind in (Newsboat, Rss2email) for shows in (False, True) if form != "json"]
        for kind, shows in kinds:
            name = f"{kind.__name__.lower()} over {form}{', told to show changes' if shows and kind is not Reader else ''}"
            made[name] = kind(folder / name.replace(" ", "-"), url, shows)
    return made


def poll_all(stage, readers, shown, kept, are_new=False):
    """Two polls by each: the first shows `shown`, if it shows changes or all is new to it; then it holds `kept`."""
    for name, follower in readers.items():
        expected = shown if follower.shows_edits or are_new else []
        got = follower.poll()
        check(f"{stage}: {name} shows {len(expected)}", [] if sorted(got) == sorted(expected) else [f"{got}"])
        again = follower.poll()
        check(f"{stage}: {name} shows nothing the second time", again)
        held = follower.kept()
        if held is not None:
            titles = sorted(title for title, _ in held)
            check(f"{stage}: {name} holds each once", [] if titles == sorted(kept) else titles)


def in_feeds(service):
    """Which of the subscription documents and the archives have the notice as an entry, and which bury it."""
    live, buried = [], []
    for path in sorted((service.folder / "data/site/feeds").rglob("*.*")):
        if path.suffix == ".json":
            ids = [item["id"] for item in json.loads(path.read_text())["items"]]
        elif path.suffix in (".atom", ".rss"):
            ids = [entry.id for entry in feedparser.parse(path.read_bytes()).entries]
        else:
            continue
        name = str(path.relative_to(service.folder / "data/site/feeds"))
        live += [name] * any(id.endswith(f":{HEAT}") for id in ids)
        if path.suffix == ".atom":
            stones = xml.etree.ElementTree.parse(path).iter(TOMBSTONE)
            buried += [name] * any(stone.get("ref").endswith(f":{HEAT}") for stone in stones)
    return live, buried


def main():
    # The clock begins four months ago; the action is to be three weeks later.
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        service = Service(folder / "site", TABLES, clock="-120d")
        at_first = action(TITLE, "Alder Hall", days=-99)
        silent = at_first.replace("off since *Monday*", "off since *Sunday*")
        moved = action(TITLE, "Birch Park", "moved", -99).replace("Monday", "Sunday")
        cancelled = moved.replace('"moved"', '"cancelled"')
        # Both are found in one look, so that they are published in the same second.
        service.publish(HEAT, at_first)
        service.publish("water", action(OTHER, "Alder Hall", days=-99))
        path = "feeds/all.atom"
        with service:
            readers = followers(service, folder)
            poll_all("published", readers, [TITLE, OTHER], [TITLE, OTHER], are_new=True)
            for name, follower in readers.items():
                if isinstance(follower, Rss2email):
                    check(f"{name} says where", [text for text in follower.texts if "12 Alder Street" not in text])
            changes = [
                ("edited silently", silent, TITLE),
                ("moved", moved, f"MOVED: {TITLE}"),
                ("cancelled", cancelled, f"CANCELLED: {TITLE}"),
            ]
            for stage, text, title in changes:
                with service.changing(path):
                    service.publish(HEAT, text)
                poll_all(stage, readers, [title], [title, OTHER])
            with service.changing(path):
                service.run("withdraw", HEAT, "--why", WHY)
            title = f"WITHDRAWN: {TITLE}"
            poll_all("withdrawn", readers, [title], [title, OTHER])
            for name, follower in readers.items():
                held = [content for held, content in follower.kept() or [] if held == title]
                told = [text for text in ("Birch Park", "heat is off") if any(text in content for content in held)]
                why = all(WHY in content for content in held)
                check(f"withdrawn: {name} holds the reason alone", told if why else [*told, "not the reason"])
            live, buried = in_feeds(service)
            wanted = [f"{feed}.{form}" for feed in ("all", "kind/action", "tag/rent") for form in FORMATS]
            check("withdrawn: it is an entry of the subscription documents alone", [] if sorted(live) == sorted(wanted) else live)
            check("withdrawn: the page is gone", [] if get(f"{service.url}notices/{HEAT}/")[0] == 410 else ["not 410"])
        for clock, stage, is_buried in (("-104d", "two weeks later", True), ("-28d", "three months later", False)):
            service.clock = clock
            with service:
                poll_all(stage, readers, [], [title, OTHER])
                live, buried = in_feeds(service)
                check(f"{stage}: it is an entry nowhere", live)
                expected = [f"{feed}.atom" for feed in ("all", "kind/action", "tag/rent")] if is_buried else []
                check(f"{stage}: tombstones in {len(expected)} feeds", [] if buried == expected else buried)
                if is_buried:
                    newcomers = followers(service, folder / "newcomers")
                    poll_all(f"{stage}, newcomers", newcomers, [OTHER], [OTHER], are_new=True)
                check(f"{stage}: the page is gone", [] if get(f"{service.url}notices/{HEAT}/")[0] == 410 else ["not 410"])
    end()


if __name__ == "__main__":
    main()
