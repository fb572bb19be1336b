#!/usr/bin/env python3
"""Reads the feeds and calendars of a built site with programs that others wrote.

    python3 feeds.py SITE_DIR

SITE_DIR holds feeds/*.atom, *.rss, *.json and calendar/**/*.ics. One line a check; exit 1 when one fails,
2 when there is nothing to check. Needs feedparser, atoma, icalendar and lxml (PyPI) and jing (Debian).
"""

import json
import re
import subprocess
import sys
import xml.etree.ElementTree
import xml.parsers.expat
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit

import atoma
import feedparser
import icalendar
from lxml import etree, html

HERE = Path(__file__).resolve().parent
MAX_BYTES = 512 * 1024
ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}"
DC = "{http://purl.org/dc/elements/1.1/}"
FORBIDDEN = {"script", "style", "iframe", "object", "embed", "form", "svg", "math"}

failures = 0


def check(path, what, problems):
    """Prints one line; `problems` is a list of clauses, empty when all is well."""
    global failures
    failures += bool(problems)
    print(f"{'FAIL' if problems else 'ok  '} {path}: {what}" + "".join(f"\n     {p}" for p in problems[:5]))


def attempt(path, what, step):
    """Runs a check that may raise; returns what the step returned with its problems, or None."""
    try:
        value, problems = step()
    except Exception as error:  # whatever a foreign parser raises is the finding
        check(path, what, [f"{type(error).__name__}: {error}"])
        return None
    check(path, what, problems)
    return value


def is_absolute(url):
    parts = urlsplit(url)
    return bool(parts.scheme) and (bool(parts.netloc) or parts.scheme in ("mailto", "tel", "tag", "urn"))


def html_problems(text):
    """What in a content no reader should get: active markup, relative addresses."""
    if not text.strip():
        return ["the content is empty"]
    problems = []
    for node in html.fragment_fromstring(text, create_parent="div").iter():
        if node.tag in FORBIDDEN:
            problems.append(f"<{node.tag}> in the content")
        for name, value in node.attrib.items():
            if name.startswith("on") or name == "style":
                problems.append(f"attribute {name} in the content")
            if name in ("href", "src") and not is_absolute(value):
                problems.append(f"relative address {value!r}")
    return problems


def well_formed(data):
    """By expat and by libxml2, neither of which recovers."""
    xml.parsers.expat.ParserCreate().Parse(data, True)
    parser = etree.XMLParser(recover=False, resolve_entities=False, no_network=True)
    return etree.fromstring(data, parser)


def twice(values):
    return sorted({value for value in values if values.count(value) > 1})


def common(path, data):
    check(path, f"at most {MAX_BYTES} bytes", [f"{len(data)} bytes"] if len(data) > MAX_BYTES else [])
    check(path, "no stylesheet that transforms", ["xml-stylesheet"] if b"<?xml-stylesheet" in data else [])
    return attempt(path, "well-formed by expat and libxml2", lambda: (well_formed(data), []))


def by_feedparser(path, data, ids):
    def step():
        feed = feedparser.parse(data)
        problems = [f"bozo: {feed.bozo_exception}"] if feed.bozo else []
        if [entry.id for entry in feed.entries] != ids:
            problems.append(f"other ids: {[entry.id for entry in feed.entries][:3]}")
        for entry in feed.entries:
            problems += [f"{entry.id} has no {name}" for name in ("title", "link", "summary") if name not in entry]
            if not entry.get("published_parsed") or not entry.get("updated_parsed"):
                problems.append(f"{entry.id} has a date that cannot be read")
            if not entry.get("content"):
                problems.append(f"{entry.id} has no content")
        return feed, problems

    attempt(path, "feedparser reads every entry", step)


def by_jing(path):
    jing = subprocess.run(["jing", "-c", str(HERE / "atom.rnc"), str(path)], capture_output=True, text=True)
    check(path, "valid by RFC 4287's grammar (jing)", jing.stdout.splitlines() if jing.returncode else [])


def walk(site):
    """From the feed of everything back through its archives (RFC 5005): every notice that has a page, once."""
    path, found = site / "feeds/all.atom", []
    while path:
        root = xml.etree.ElementTree.fromstring(path.read_bytes())
        if path.parent.name == "all":
            found += [entry.findtext(f"{ATOM}id").rsplit(":", 1)[1] for entry in root.findall(f"{ATOM}entry")]
        rels = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
        older = rels.get("prev-archive")
        path = site / urlsplit(older).path.lstrip("/") if older else None
    pages = sorted(page.parent.name for page in site.glob("notices/*/event.ics"))
    pages = sorted({page.parent.name for page in site.glob("notices/*/notice.txt")} | set(pages))
    check(site / "feeds/all.atom", "walking back finds every notice once", [] if sorted(found) == pages else found)


def check_atom(path):
    data = path.read_bytes()
    root = common(path, data)
    if root is None:
        return []
    by_jing(path)
    entries = root.findall(f"{ATOM}entry")
    ids = [entry.findtext(f"{ATOM}id") for entry in entries]
    dates = [entry.findtext(f"{ATOM}updated") for entry in entries]
    check(path, "every id once, every `updated` once", twice(ids) + twice(dates))
    first = root.findtext(f"{ATOM}updated")
    check(path, "the feed's `updated` is its newest entry's", [first] if dates and first != max(dates) else [])
    rels = {link.get("rel"): link.get("href") for link in root.findall(f"{ATOM}link")}
    check(path, "links to itself and to its page", [r for r in ("self", "alternate") if not is_absolute(rels.get(r) or "")])
    check(path, "no mail address of an author", [email.text for email in root.iter(f"{ATOM}email")])
    texts = [p for entry in entries for p in html_problems(entry.findtext(f"{ATOM}content") or "")]
    check(path, "content is clean HTML with absolute addresses", texts)

    def by_atoma():
        feed = atoma.parse_atom_bytes(data)
        return feed, [] if [entry.id_ for entry in feed.entries] == ids else ["other ids"]

    attempt(path, "atoma reads every entry", by_atoma)
    by_feedparser(path, data, ids)
    return ids


def check_rss(path):
    data = path.read_bytes()
    root = common(path, data)
    if root is None:
        return []
    items = root.findall("channel/item")
    ids = [item.findtext("guid") for item in items]
    check(path, "every guid once", twice(ids))
    problems = [item.find("guid").get("isPermaLink") for item in items]
    check(path, "no guid is taken for an address", [p for p in problems if p != "false"])
    problems = []
    for item in items:
        names = [child.tag for child in item]
        if names.index("description") > names.index(f"{CONTENT}encoded"):
            problems.append("content:encoded before description")
        if "author" in names or f"{DC}creator" not in names or f"{ATOM}updated" not in names:
            problems.append(f"not the elements that were asked for: {names}")
        date = item.findtext("pubDate")
        if not re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", date):
            problems.append(f"pubDate {date}")
        elif parsedate_to_datetime(date).strftime("%a") != date[:3]:
            problems.append(f"pubDate {date} has another weekday")
        problems += html_problems(item.findtext(f"{CONTENT}encoded") or "")
    check(path, "items by the board's profile, clean HTML", problems)
    links = [link.get("rel") for link in root.findall(f"channel/{ATOM}link")]
    check(path, "links to itself, says when to come again", [] if "self" in links and root.findtext("channel/ttl") else ["self or ttl is missing"])

    def by_atoma():
        feed = atoma.parse_rss_bytes(data)
        return feed, [] if [item.guid for item in feed.items] == ids else ["other ids"]

    attempt(path, "atoma reads every item", by_atoma)
    by_feedparser(path, data, ids)
    return ids


def check_json(path):
    data = path.read_bytes()
    check(path, f"at most {MAX_BYTES} bytes", [f"{len(data)} bytes"] if len(data) > MAX_BYTES else [])
    feed = attempt(path, "JSON", lambda: (json.loads(data), []))
    if feed is None:
        return []
    problems = [] if feed["version"] == "https://jsonfeed.org/version/1.1" else [feed["version"]]
    problems += [key for key in ("home_page_url", "feed_url") if not is_absolute(feed.get(key, ""))]
    for item in feed["items"]:
        for key in ("id", "url", "title", "content_html", "summary", "date_published", "date_modified"):
            if not isinstance(item.get(key), str):
                problems.append(f"{item.get('id')} has no {key}")
        problems += [item["id"] + ": " + p for p in html_problems(item["content_html"])]
        for key in ("date_published", "date_modified"):
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)", item[key]):
                problems.append(f"{key} {item[key]}")
        problems += [f"{key} is of 1.0" for key in ("author",) if key in item]
    check(path, "JSON Feed 1.1, clean HTML", problems)
    ids = [item["id"] for item in feed["items"]]
    check(path, "every id once", twice(ids))
    return ids


def check_lines(data):
    problems = []
    if not data.endswith(b"\r\n") or re.search(rb"(?<!\r)\n|\r(?!\n)", data):
        problems.append("a line does not end with CRLF")
    for line in data.split(b"\r\n"):
        if len(line) > 75:
            problems.append(f"a line of {len(line)} octets")
        if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", line):
            problems.append("a control character")
        if (len(line) - len(line.rstrip(b"\\"))) % 2:
            problems.append("a fold inside an escape")
        try:
            line.decode()
        except UnicodeDecodeError:
            problems.append("a fold inside a character")
    return problems


def parse_calendar(data):
    calendar = icalendar.Calendar.from_ical(data)
    problems = [f"{part.name}: {error}" for part in calendar.walk() for error in part.errors]
    problems += [f"no VTIMEZONE {tzid}" for tzid in calendar.get_missing_tzids()]
    return calendar, problems


def check_calendar(path):
    data = path.read_bytes()
    check(path, "lines as RFC 5545 wants them", check_lines(data))
    calendar = attempt(path, "icalendar reads it without errors or missing zones", lambda: parse_calendar(data))
    if calendar is None:
        return
    events = list(calendar.walk("VEVENT"))
    method = calendar.get("METHOD")
    problems = []
    for event in events:
        needed = ("UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY", "SEQUENCE", "LAST-MODIFIED", "CREATED", "STATUS")
        for key in needed + ("URL", "LOCATION", "DESCRIPTION"):
            if key not in event:
                problems.append(f"{event.get('UID')} has no {key}")
        if event.decoded("DTSTART") >= event.decoded("DTEND"):
            problems.append(f"{event['UID']} ends before it starts")
        if (event["STATUS"] == "CANCELLED") != event["SUMMARY"].startswith("CANCELLED: "):
            problems.append(f"{event['UID']} is cancelled in its title or in its status only")
        if "ATTENDEE" in event or method and "ORGANIZER" not in event:
            problems.append(f"{event['UID']} has an attendee, or a method and no organizer")
    check(path, f"{len(events)} events with all that clients need", problems)
    check(path, "every UID once", twice([str(event["UID"]) for event in events]))
    check(path, "no method but PUBLISH", [method] if method not in (None, "PUBLISH") else [])
    if "X-WR-CALNAME" in calendar:
        alarms = [str(event["UID"]) for event in calendar.walk("VALARM")]
        check(path, "a subscribed calendar has no method and no alarm", alarms + ([method] if method else []))
    # The offsets by the file's own VTIMEZONE against this machine's zone data, hour by hour of each event's day.
    check(path, "the described zones give the offsets of the zone data", zone_problems(calendar, events))


def zone_problems(calendar, events):
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    described = {str(zone["TZID"]): zone.to_tz(lookup_tzid=False) for zone in calendar.walk("VTIMEZONE")}
    problems = []
    for event in events:
        tzid = event["DTSTART"].params.get("TZID")
        if tzid is None:
            continue
        wall = event.decoded("DTSTART").replace(tzinfo=None)
        for hour in range(-24 * 30, 24 * 30, 7):
            there = wall + timedelta(hours=hour)
            is_, wanted = (there.replace(tzinfo=zone).utcoffset() for zone in (described[tzid], ZoneInfo(tzid)))
            if is_ != wanted:
                problems.append(f"{tzid} {there}: {is_}, not {wanted}")
    return problems


def whole(path, check_one):
    """All checks of a file; one that cannot go on is a failure of the file, not of the others."""
    global failures
    try:
        return check_one(path)
    except Exception as error:  # a file that lacks what a check reads
        failures += 1
        print(f"FAIL {path}: a check could not go on: {type(error).__name__}: {error}")
        return None


def main(site):
    site = Path(site)
    kinds = (("atom", check_atom), ("rss", check_rss), ("json", check_json))
    seen = {}
    for suffix, check_one in kinds:
        for path in sorted(site.glob(f"feeds/**/*.{suffix}")):
            seen.setdefault(path.with_suffix(""), {})[suffix] = whole(path, check_one) or []
    for stem, formats in seen.items():
        # Under the size cap a format may hold fewer of the oldest; what two of them hold is in one order.
        shortest = min(len(ids) for ids in formats.values())
        starts = {tuple(ids[:shortest]) for ids in formats.values()}
        # RSS readers know no archives.
        wanted = ("atom", "json") if stem.parent.name == "all" else [suffix for suffix, _ in kinds]
        missing = [suffix for suffix in wanted if suffix not in formats]
        check(stem, "the same ids in Atom, RSS and JSON", missing + (["other ids"] if len(starts) > 1 else []))
    walk(site)
    for path in sorted((HERE.parent / "golden/feed").glob("*.atom")):
        by_jing(path)
    calendars = sorted(site.glob("**/*.ics"))
    for path in calendars:
        whole(path, check_calendar)
    if not seen or not calendars:
        print(f"nothing to check: no feeds or no calendars under {site}")
        return 2
    print(f"{failures} failed" if failures else "all well")
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: feeds.py SITE_DIR")
    sys.exit(main(sys.argv[1]))
