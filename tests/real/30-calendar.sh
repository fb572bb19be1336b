#!/usr/bin/env bash
# The calendars of the seeds and of the collective: libical finds nothing that its rules forbid, and calcurse takes
# every event in.
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
exit $failed
