#!/usr/bin/env python3
"""Five years of notices, 5,000 of them, walked back through by feedparser as a reader does that was never here: from
the feed of everything by `prev-archive` (RFC 5005 §4), and in JSON Feed by `next_url`.

Each notice that stands is found once. After a correction, a withdrawal and a new notice it is so again; what was taken
back is in no archive, what was corrected is in the feed again, and the archives of other months are the same bytes.
"""

import json
import tempfile
import time
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import feedparser

from service import ZONE, Service, check, end, etag, get, wait_for

COUNT, MONTHS = 5000, 60
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
"""


def first_day():
    """The first day of the month that many months ago."""
    months = date.today().year * 12 + date.today().month - 1 - MONTHS
    return date(months // 12, months % 12 + 1, 1)


def day_of(number):
    """The day of a notice; all of them lie in whole months before this one."""
    days = (date.today().replace(day=1) - first_day()).days
    return first_day() + timedelta(days=number * days // COUNT)


def name_of(number):
    return f"notice-{number:04}"


def id_of(number):
    return f"tag:alder.example.org,{day_of(number)}:{name_of(number)}"


def source(number, key=""):
    # All of a day have one hour: several are published in the same second.
    return (
        f'+++\nkind = "statement"\ntitle = "Notice {number}"\npublish_at = {day_of(number)} 12:00\n'
        f'tags = ["rent"]\n{key}+++\nText *{number}* of five years.\n'
    )


def atom(url):
    """The entries of a document as pairs of id and `updated`, where it says the next older one is, and its links."""
    status, text = get(url)
    # Its contents are looked at elsewhere, and cleaning them takes most of the time.
    feed = feedparser.parse(text.encode(), sanitize_html=False, resolve_relative_uris=False)
    if status != 200 or feed.bozo:
        check(url, [f"{status} {feed.get('bozo_exception')}"])
    links = {link.rel: link.href for link in feed.feed.links}
    return [(entry.id, entry.updated_parsed) for entry in feed.entries], links.get("prev-archive"), links


def json_feed(url):
    """The same of a JSON Feed, which has no other links."""
    feed = json.loads(get(url)[1])
    items = [(item["id"], time.strptime(item["date_modified"], "%Y-%m-%dT%H:%M:%SZ")) for item in feed["items"]]
    return items, feed.get("next_url"), {}


def walk(name, url, read, live, months):
    """Goes from the subscription document to the oldest; answers the entries of that document and of all archives."""
    newest, older, _ = read(url)
    found, seen, newer = [], [url], None
    while older:
        entries, next_older, links = read(older)
        if read is atom:
            beside = [links.get("current"), links.get("next-archive"), links.get("self")]
            check(f"{name}: {older} says what it belongs to", [] if beside == [url, newer, older] else [str(beside)])
        newer = older
        seen.append(older)
        found += entries
        older = next_older
    check(f"{name}: {len(seen) - 1} archives, one for each month", [] if len(seen) == months + 1 else seen)
    ids = sorted(id for id, _ in found)
    strange = set(ids) ^ live
    check(f"{name}: each of {len(live)} is found once", [] if ids == sorted(live) else [f"{len(ids)}", *sorted(strange)])
    check(f"{name}: no two have one `updated`", [] if len({updated for _, updated in found}) == len(found) else ["some have"])
    archived = dict(found)
    other = [f"{id}: {archived[id]}, {updated}" for id, updated in newest if id in archived and archived[id] != updated]
    check(f"{name}: the feed and its archives say the same `updated`", other)
    return newest, seen


def main():
    with tempfile.TemporaryDirectory() as folder:
        service = Service(folder, TABLES)
        for number in range(COUNT):
            (Path(folder) / f"notices/{name_of(number)}.md").write_text(source(number))
        began = time.monotonic()
        service.run("publish")
        print(f"published in {time.monotonic() - began:.1f} s", flush=True)
        live = {id_of(number) for number in range(COUNT)}
        with service:
            feeds = (("Atom", "feeds/all.atom", atom), ("JSON", "feeds/all.json", json_feed))
            urls = []
            for name, path, read in feeds:
                newest, seen = walk(name, service.url + path, read, live, MONTHS)
                urls += seen[1:]
                check(f"{name}: the feed has the newest", [] if id_of(COUNT - 1) in dict(newest) else ["not there"])
            tags = {url: etag(url) for url in urls}

            corrected, taken_back, new = 123, 2500, "brand-new"
            edits = {
                name_of(corrected): source(corrected, 'changed = "The number was wrong."\n'),
                name_of(taken_back): source(taken_back, 'withdrawn = "An error."\n'),
                new: source(COUNT).replace(f"publish_at = {day_of(COUNT)} 12:00\n", ""),
            }
            for name, text in edits.items():
                service.publish(name, text)
            today = f"tag:alder.example.org,{datetime.now(ZoneInfo(ZONE)).date()}:{new}"
            for id in (today, id_of(corrected), id_of(taken_back)):
                for _, path, _ in feeds:
                    wait_for(f"{path} has {id}", lambda: id in get(service.url + path)[1])
            live = live - {id_of(taken_back)} | {today}
            for name, path, read in feeds:
                newest, _ = walk(f"{name}, changed", service.url + path, read, live, MONTHS + 1)
            months = {f"{day_of(number):%Y-%m}" for number in (corrected, taken_back, COUNT - 1)}
            changed = {Path(url).stem for url in urls if etag(url) != tags[url]}
            check("archives of other months are the same bytes", sorted(changed ^ months))
    end()


if __name__ == "__main__":
    main()
