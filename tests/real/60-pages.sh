#!/usr/bin/env bash
# Every kind of page as `handbill serve` gives it, in headless Chromium at 360 and 1200 pixels, light and dark: no
# error, no request to another host, nothing wider than the screen, landmarks, one h1, no violation found by axe.
# Pictures for a person to look at are left in target/real/pictures.
# Needs: chromium nodejs npm
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$REAL/pages
rm -rf "$folder" "$REAL/pictures"
mkdir -p "$folder" "$REAL/pictures"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$HANDBILL" -C "$folder" init
cp notices/*.md "$folder/notices/"
# An action that is ahead: most of the others are over.
PYTHONPATH=tests/real python3 -c 'import service; print(service.action("Heat for the third floor", "Alder Hall"), end="")' \
  >"$folder/notices/heat.md"
# One that only journalists see until tomorrow.
PYTHONPATH=tests/real python3 - >"$folder/notices/owed.md" <<'PYTHON'
from datetime import date, timedelta

import service

press = '[press]\nrole = "press team"\nemail = "press@example.org"\nadvisory = "The tenants speak at noon."\n'
source = service.action("What the owner owes", "Alder Hall", days=9).replace("\n+++\n", f"\n{press}+++\n")
print(source.replace("tags", f"publish_at = {date.today() + timedelta(days=2)} 12:00\ntags"), end="")
PYTHON
sed -i "s|^url = .*|url = \"http://127.0.0.1:$port/\"|" "$folder/handbill.toml"
"$HANDBILL" -C "$folder" publish >/dev/null
"$HANDBILL" -C "$folder" serve --only web --listen "127.0.0.1:$port" 2>"$folder/serve.log" &
service=$!
trap 'kill $service; wait $service || true' EXIT
cd "$REAL/node"
press=$("$HANDBILL" -C "$folder" press owed | head -1)
node "$OLDPWD/tests/real/pages.mjs" "http://127.0.0.1:$port/" "$folder/data/site" "$REAL/pictures" "$press"
