#!/usr/bin/env bash
# The feeds and calendars of the built site, read by programs that others wrote: feedparser, atoma, icalendar,
# jing with RFC 4287's grammar, feedsmith, and newsboat twice: nothing is new the second time.
# Needs: jing newsboat nodejs npm
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
site=$REAL/site/one
[ -d "$site" ] || "$here/10-site.sh" >/dev/null
failed=0
python3 "$here/feeds.py" "$site" || failed=1
(cd "$REAL/node" && node "$here/feedsmith.mjs" "$site") || failed=1

reader=$REAL/newsboat
rm -rf "$reader"
mkdir -p "$reader"
find "$site/feeds" -name 'all.atom' -o -name 'all.rss' | sed 's|^|file://|' >"$reader/urls"
unread() {
  HOME=$reader newsboat -q -u "$reader/urls" -c "$reader/cache.db" -C /dev/null -x reload print-unread
}
# An id is the same in every format: what comes by two feeds is one article.
wanted=$(grep -c '<entry' "$site/feeds/all.atom")
for time in first second; do
  got=$(unread | sed -n 's/^\([0-9]*\) unread.*/\1/p' | tail -n 1)
  if [ "$got" = "$wanted" ]; then
    echo "ok   newsboat has $wanted articles the $time time"
  else
    echo "FAIL newsboat has ${got:-no} articles the $time time, not $wanted"
    failed=1
  fi
done
exit $failed
