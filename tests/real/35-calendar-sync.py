#!/usr/bin/env python3
"""Actions that change, in the calendars of people who follow them: vdirsyncer fetches each change over HTTP into a
folder, khal shows what is in it and also takes in what is served by its UIDs, and icalendar and libical read it.

What is moved, put off to another day and cancelled is one event throughout. So is each date of a series, of which one
is cancelled, and what was taken back. A month after its date what is off leaves, and not before.

vdirsyncer gives what it fetches by HTTP a UID of its own, made of all of its text but the stamps; so a change is a file
that goes and one that comes. khal's import keys on the UIDs that we gave.
"""
# Needs: khal vdirsyncer libical-dev libfaketime

import subprocess
import tempfile
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar

from service import ZONE, Service, action, check, end, etag, get, run_client

HERE = Path(__file__).resolve().parent
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
"""
ADDRESS = "12 Alder Street, New York, NY"
WHY = "The address was wrong."

VDIRSYNCER = """
[general]
status_path = "{folder}/status"
[pair notices]
a = "served"
b = "kept"
collections = null
[storage served]
type = "http"
url = "{url}"
[storage kept]
type = "filesystem"
path = "{folder}/kept"
fileext = ".ics"
"""

KHAL = """
[calendars]
[[notices]]
path = {folder}/{calendar}
[sqlite]
path = {folder}/{calendar}.db
[default]
default_calendar = notices
[locale]
local_timezone = {zone}
default_timezone = {zone}
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
"""


def day(days):
    return (datetime.now(ZoneInfo(ZONE)) + timedelta(days=days)).date()


class Follower:
    """Somebody with vdirsyncer and khal who follows one calendar, in the folder `kept`; `taken` is what khal took in."""

    def __init__(self, folder, url):
        self.folder, self.url = Path(folder), url
        for calendar in ("kept", "taken"):
            (self.folder / calendar).mkdir(parents=True)
            (self.folder / f"khal-{calendar}").write_text(KHAL.format(folder=self.folder, calendar=calendar, zone=ZONE))
        (self.folder / "vdirsyncer").write_text(VDIRSYNCER.format(folder=self.folder, url=url))
        self.vdirsyncer("discover", "notices")

    def vdirsyncer(self, *arguments):
        run_client(self.folder, "vdirsyncer", "-v", "WARNING", "-c", self.folder / "vdirsyncer", *arguments)

    def khal(self, calendar, *arguments):
        return run_client(self.folder, "khal", "-c", self.folder / f"khal-{calendar}", *arguments)

    def sync(self):
        """Fetches, by either way."""
        self.vdirsyncer("sync")
        served = self.folder / "served.ics"
        served.write_bytes(get(self.url)[1].encode())
        self.khal("taken", "import", "--batch", "-a", "notices", served)

    def files(self, calendar):
        return sorted((self.folder / calendar).glob("*.ics"))

    def state(self):
        """What is kept, each file with when it was written."""
        return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in self.files("kept")}

    def shown(self, calendar="kept"):
        """What khal shows of half a year, an event a line."""
        form = "{start}|{title}|{location}|{status}"
        span = (str(day(-30)), str(day(150)))
        lines = self.khal(calendar, "list", "--day-format", "", "--format", form, *span)
        # That there is nothing is said in a sentence.
        return [line.strip() for line in lines.splitlines() if "|" in line]


def events_in(*paths):
    """The events of these files as icalendar reads them, the earliest first."""
    events = []
    for path in paths:
        calendar = icalendar.Calendar.from_ical(path.read_bytes())
        problems = [str(error) for part in calendar.walk() for error in part.errors]
        problems += [f"no VTIMEZONE {zone}" for zone in calendar.get_missing_tzids()]
        if problems:
            check(f"icalendar reads {path.name}", problems)
        events += calendar.walk("VEVENT")
    return sorted(events, key=lambda event: event["DTSTART"].dt)


def is_unchanged(url, tag):
    """Whether somebody who has that one is told that it is the same."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, headers={"If-None-Match": tag}), timeout=10)
    except urllib.error.HTTPError as answer:
        return answer.code == 304
    return False


def libical(folder, paths):
    """What libical finds in calendars that its rules forbid."""
    program = folder / "icalcheck"
    if not program.exists():
        subprocess.run(["cc", "-Wall", "-Wextra", "-o", program, HERE / "icalcheck.c", "-lical"], check=True)
    ran = subprocess.run([program, *paths], text=True, capture_output=True)
    return [line for line in ran.stdout.splitlines() if not line.startswith("ok")] or [f"exit {ran.returncode}"] * (ran.returncode != 0)


def unequal(got, expected):
    return [] if got == expected else [f"{got}, not {expected}"]


def look(name, follower, expected, before, folder):
    """One sync and what is to be seen after it: `expected` are khal's lines, `before` the events of the last sync."""
    tag = etag(follower.url)
    follower.sync()
    for calendar in ("kept", "taken"):
        check(f"{name}: khal shows {len(expected)} events, {calendar}", unequal(follower.shown(calendar), expected))
        check(f"{name}: one file for each, {calendar}", unequal(len(follower.files(calendar)), len(expected)))
    served = follower.folder / "served.ics"
    check(f"{name}: by libical's rules, served and kept", libical(folder, [served, *follower.files("kept")]))
    events = events_in(served)
    check(f"{name}: kept is what is served", unequal([stamps(it) for it in events_in(*follower.files("kept"))], [stamps(it) for it in events]))
    uids = [str(event["UID"]) for event in events]
    check(f"{name}: each has a UID of its own", unequal(len(set(uids)), len(expected)))
    if before:
        check(f"{name}: the same UIDs", unequal(uids, [str(event["UID"]) for event in before]))
        problems = []
        for old, new in zip(before, events):
            for key in ("LAST-MODIFIED", "DTSTAMP"):
                problems += [f"{key} {new[key].dt}, it was {old[key].dt}"] * (new[key].dt <= old[key].dt)
            problems += unequal(new["CREATED"].dt, old["CREATED"].dt) + unequal(new["SEQUENCE"], old["SEQUENCE"] + 1)
        check(f"{name}: SEQUENCE is one more, LAST-MODIFIED and DTSTAMP rise, CREATED stays", problems)
    state = follower.state()
    follower.sync()
    check(f"{name}: a second sync changes nothing", [] if follower.state() == state else list(follower.state()))
    check(f"{name}: who asks again is told that it is the same", [] if is_unchanged(follower.url, tag) else ["not 304"])
    return events


def stamps(event):
    return event["SEQUENCE"], event["DTSTAMP"].dt, event["LAST-MODIFIED"].dt, event["DTSTART"].dt


def follow_one(service, folder):
    """Scheduled, moved, rescheduled, cancelled."""
    path = "calendar/tag/rent.ics"
    title, hall, park = "Heat for the third floor", f"Alder Hall, {ADDRESS}", f"Birch Park, {ADDRESS}"
    service.publish("heat", action(title, "Alder Hall", days=10))
    steps = [
        ("scheduled", None, f"{day(10)} 12:00|{title}|{hall}|CONFIRMED"),
        ("moved", action(title, "Birch Park", "moved", 10), f"{day(10)} 12:00|MOVED: {title}|{park}|CONFIRMED"),
        ("rescheduled", action(title, "Birch Park", "rescheduled", 12), f"{day(12)} 12:00|RESCHEDULED: {title}|{park}|CONFIRMED"),
        ("cancelled", action(title, "Birch Park", "cancelled", 12), f"{day(12)} 12:00|CANCELLED: {title}|{park}|CANCELLED"),
    ]
    follower, events = None, []
    with service:
        for number, (name, text, line) in enumerate(steps):
            if text:
                with service.changing(path):
                    service.publish("heat", text)
            follower = follower or Follower(folder / "rent", service.url + path)
            events = look(name, follower, [line], events, folder)
            check(f"{name}: SEQUENCE {number}", unequal([event["SEQUENCE"] for event in events], [number]))
    return follower, line


def series(cancelled):
    """Three dates, the second of which can be cancelled."""
    dates = ""
    for days in (14, 21, 28):
        off = 'status = "cancelled"\nnote = "The stove is being repaired."\n' if cancelled and days == 21 else ""
        dates += f'\n[[occurrence]]\nstarts = {day(days)} 18:00\nweekday = "{day(days):%A}"\n{off}'
    return (
        f'+++\nkind = "action"\ntitle = "Soup for all"\ntags = ["kitchen"]\nzone = "{ZONE}"\n\n[place]\n'
        f'name = "Alder Hall"\naddress = "{ADDRESS}"\n{dates}+++\nA pot and bread.\n'
    )


def follow_series(service, folder):
    """Three dates, one of which is cancelled alone."""
    path = "calendar/tag/kitchen.ics"
    service.publish("soup", series(False))
    hall = f"Alder Hall, {ADDRESS}"
    lines = [f"{day(days)} 18:00|Soup for all|{hall}|CONFIRMED" for days in (14, 21, 28)]
    with service:
        follower = Follower(folder / "kitchen", service.url + path)
        before = look("a series", follower, lines, [], folder)
        with service.changing(path):
            service.publish("soup", series(True))
        lines[1] = f"{day(21)} 18:00|CANCELLED: Soup for all|{hall}|CANCELLED"
        look("one date cancelled", follower, lines, before, folder)


def follow_withdrawn(service, folder):
    """An action that is taken back: who has it sees that it is off, and nothing else of it."""
    path = "calendar/tag/march.ics"
    service.publish("march", action("March to the town hall", "Elm Square", days=9).replace('"rent"', '"march"'))
    with service:
        follower = Follower(folder / "march", service.url + path)
        line = f"{day(9)} 12:00|March to the town hall|Elm Square, {ADDRESS}|CONFIRMED"
        before = look("announced", follower, [line], [], folder)
        with service.changing(path):
            service.run("withdraw", "march", "--why", WHY)
        line = f"{day(9)} 12:00|WITHDRAWN: March to the town hall||CANCELLED"
        look("taken back", follower, [line], before, folder)
        kept = "".join(path.read_text().replace("\n ", "") for path in follower.files("kept"))
        told = [text for text in ("Elm Square", ADDRESS.split(",")[0], "heat is off") if text in kept]
        check("taken back: why, and nothing else of it", told if WHY in kept else [*told, "it does not say why"])
    return follower, line


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        service = Service(folder / "site", TABLES)
        rent, cancelled = follow_one(service, folder)
        follow_series(service, folder)
        march, withdrawn = follow_withdrawn(service, folder)
        # vdirsyncer does not believe a calendar that has become empty.
        assembly = action("Assembly", "Alder Hall", days=100).replace('"rent"', '"rent", "march"')
        service.publish("assembly", assembly)
        ahead = f"{day(100)} 12:00|Assembly|Alder Hall, {ADDRESS}|CONFIRMED"
        # The cancelled one's date is on day 12, that of the one taken back on day 9.
        for clock, is_told in (("+39d", True), ("+45d", False)):
            service.clock = clock
            with service:
                for follower, line in ((rent, cancelled), (march, withdrawn)):
                    follower.sync()
                    expected = [line, ahead] if is_told else [ahead]
                    check(f"{clock}: khal shows {len(expected)} events", unequal(follower.shown(), expected))
                    check(f"{clock}: one file for each", unequal(len(follower.files("kept")), len(expected)))
    end()


if __name__ == "__main__":
    main()
