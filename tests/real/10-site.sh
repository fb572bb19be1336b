#!/usr/bin/env bash
# The collective's notices: checked, built twice into the same bytes, and July 10 is in every channel.
# Needs: libxml2-utils
set -euo pipefail
cd "$(dirname "$0")/../.."
site=$REAL/site
rm -rf "$site"
mkdir -p "$site"
handbill() { "$HANDBILL" -C "$site" "$@"; }

failed=0
check() {
  local what=$1
  shift
  if "$@"; then echo "ok   $what"; else echo "FAIL $what"; failed=1; fi
}

handbill init --empty
cp notices/*.md "$site/notices/"
check 'no problem in any notice' handbill check
handbill publish
handbill build "$site/one"
handbill build "$site/two"
# .handbill is the builder's own record: it holds when each file was written, for Last-Modified.
check 'two builds are the same bytes' diff -r --exclude=.handbill "$site/one" "$site/two"

id=2018-07-10-abolish-ice
tag=tag:notices.example.org,2018-07-08:$id
for feed in all kind/action tag/abolishice; do
  for format in atom rss json; do
    check "July 10 is in feeds/$feed.$format" grep -qF "$tag" "$site/one/feeds/$feed.$format"
  done
done
for page in actions/past/index.html notices/index.html tags/abolishice/index.html; do
  check "July 10 is on $page" grep -q "notices/$id/" "$site/one/$page"
done
check 'its page has the day' grep -q 'Tuesday, July 10, 2018' "$site/one/notices/$id/index.html"
check 'its calendar file has the hour' \
  grep -q 'DTSTART;TZID=America/New_York:20180710T090000' "$site/one/notices/$id/event.ics"
# The mails, as they would have gone out.
plan=$(handbill plan --from 2018-07-01 --to 2018-07-11)
for key in "alert/alerts/$id" "reminder/alerts/$id/-P1D" "reminder/alerts/$id/-PT2H" 'issue/weekly/2018-07-09T09:00'; do
  check "July 10 is in the plan as $key" grep -qF "$key" <<<"$plan"
done

for file in $(find "$site/one" -name '*.atom' -o -name '*.rss' -o -name '*.opml'); do
  check "${file#"$site/one/"} is well-formed" xmllint --noout --nonet "$file"
done
for file in $(find "$site/one" -name '*.gz'); do
  check "${file#"$site/one/"} is its document, compressed" cmp -s <(gzip -dc "$file") "${file%.gz}"
done
exit $failed
