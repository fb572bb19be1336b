#!/bin/sh
# Pictures of the golden mails' HTML: narrow and wide, light and dark, in the folder given (default: a new one).
# Needs chromium and python3. A person looks at them; nothing is asserted.
set -eu
cd "$(dirname "$0")/../.."
out=${1:-$(mktemp -d)}
mkdir -p "$out"
for mail in tests/golden/email/*.eml; do
  name=$(basename "$mail" .eml)
  python3 - "$mail" > "$out/$name.html" <<'PYTHON'
import email, email.policy, sys
with open(sys.argv[1], "rb") as mail:
    message = email.message_from_binary_file(mail, policy=email.policy.default)
assert not message.defects and not any(part.defects for part in message.walk())
sys.stdout.reconfigure(encoding="utf-8")
print(message.get_body(("html",)).get_content())
PYTHON
  for width in 320 400 1000; do
    for scheme in dark light; do
      # Blink's PreferredColorScheme: 0 dark, 1 light.
      number=0; [ "$scheme" = light ] && number=1
      profile=$(mktemp -d)
      chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars \
        --disable-background-networking --disable-component-update --disable-sync --user-data-dir="$profile" \
        --blink-settings=preferredColorScheme=$number --window-size=$width,2400 \
        --screenshot="$out/$name-$width-$scheme.png" "file://$out/$name.html" 2>/dev/null
      rm -rf "$profile"
    done
  done
done
echo "$out"
