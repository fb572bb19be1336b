#!/usr/bin/env bash
# The list, as its people meet it: the form, the mails as an SMTP server took them, the buttons, the preferences, the
# way out; by curl alone, and in headless Chromium without JavaScript (the site in English) and with it (in Spanish).
# Pictures of every state for a person to look at are left in target/real/pictures/list.
# Needs: chromium curl nodejs npm
set -euo pipefail
cd "$(dirname "$0")/../.."
export PICTURES=$REAL/pictures/list
rm -rf "$PICTURES"
mkdir -p "$PICTURES"
exec python3 tests/real/list.py
