#!/usr/bin/env bash
# The calendars of the seeds and of the collective: libical finds nothing that its rules forbid, calcurse takes every
# event in, and icalendar (PyPI) finds each date of an action that has several, with a UID and a status of its own, and
# the actions that another one names, by their UIDs.
# Needs: libical-dev calcurse
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$REAL/calendar
rm -rf "$folder"
mkdir -p "$folder/site" "$folder/calcurse"
cc -Wall -Wextra -o "$folder/icalcheck" tests/real/icalcheck.c -lical
"$HANDBILL" -C "$folder/site" init >/dev/null
cp notices/*.md "$folder/site/notices/"
"$HANDBILL" -C "$folder/site" publish >/dev/null
"$HANDBILL" -C "$folder/site" build "$folder/built" >/dev/null

failed=0
find "$folder/built" tests/golden/calendar -name '*.ics' -print0 | sort -z | xargs -0 "$folder/icalcheck" || failed=1
for file in $(find "$folder/built" -path '*/notices/*.ics'); do
  rm -rf "$folder/calcurse"
  if ! taken=$(calcurse -D "$folder/calcurse" -i "$file" 2>&1) ||
    ! grep -q '[1-9][0-9]* apps\? / 0 events\? / 0 todos\? / 0 skipped\|0 apps / [1-9][0-9]* events\? / 0 todos / 0 skipped' <<<"$taken"; then
    echo "FAIL ${file#"$folder/built/"}: calcurse: $taken"
    failed=1
  else
    echo "ok   ${file#"$folder/built/"}: calcurse takes it in"
  fi
done
python3 - "$folder/built/notices/2018-07-11-wednesday-kitchen/event.ics" tests/golden/calendar/dates.ics <<'PYTHON' || failed=1
import sys

import icalendar

EXPECTED = [
    ["2018-07-11 CONFIRMED", "2018-07-18 CANCELLED", "2018-07-25 CONFIRMED", "2018-08-01 CONFIRMED"],
    ["2018-07-10 CONFIRMED", "2018-07-17 CANCELLED", "2018-07-24 CONFIRMED"],
]
failed = False
for file, expected in zip(sys.argv[1:], EXPECTED, strict=True):
    with open(file, "rb") as opened:
        calendar = icalendar.Calendar.from_ical(opened.read())
    events = calendar.walk("VEVENT")
    found = [f"{event['DTSTART'].dt:%Y-%m-%d} {event['STATUS']}" for event in events]
    errors = [error for event in events for error in event.errors]
    missing = calendar.get_missing_tzids()
    uids = {str(event["UID"]) for event in events}
    rules = [event["UID"] for event in events if "RRULE" in event or "RECURRENCE-ID" in event]
    if found == expected and len(uids) == len(expected) and not (errors or missing or rules):
        print(f"ok   {file}: icalendar finds {len(found)} dates, each with a UID of its own")
    else:
        print(f"FAIL {file}: icalendar finds {found}, {len(uids)} UIDs, {errors}, {missing}, {rules}")
        failed = True
sys.exit(failed)
PYTHON
python3 - tests/golden/calendar/related.ics <<'PYTHON' || failed=1
import sys

import icalendar

with open(sys.argv[1], "rb") as opened:
    events = icalendar.Calendar.from_ical(opened.read()).walk("VEVENT")
named = [peer for event in events for peer in event.get("RELATED-TO", [])]
kinds = [peer.params["RELTYPE"] for peer in named]
uids = {str(event["UID"]) for event in events}
errors = [error for event in events for error in event.errors]
if kinds == ["SIBLING", "SIBLING"] and {str(peer) for peer in named} < uids and not errors:
    print(f"ok   {sys.argv[1]}: icalendar finds the two that one of {len(uids)} names")
else:
    print(f"FAIL {sys.argv[1]}: icalendar finds {named} as {kinds} among {uids}, {errors}")
    sys.exit(1)
PYTHON
exit $failed
