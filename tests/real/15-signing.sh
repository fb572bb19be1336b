#!/usr/bin/env bash
# What is published is held to its signatures by minisign, across a change of keys.
# Needs: minisign
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$REAL/signing
rm -rf "$folder"
mkdir -p "$folder"
handbill() { "$HANDBILL" -C "$folder" "$@"; }

failed=0
check() {
  local what=$1
  shift
  if "$@"; then echo "ok   $what"; else echo "FAIL $what"; failed=1; fi
}

handbill init --empty
cp notices/*.md "$folder/notices/"
handbill publish
handbill build "$folder/one"
cp "$folder/one/signing.pub" "$folder/first.pub"
texts=("$folder"/one/notices/*/notice.txt)
check 'there are texts' test "${#texts[@]}" -gt 4
for text in "${texts[@]}"; do
  name=$(basename "$(dirname "$text")")
  check "minisign accepts $name" minisign -V -q -p "$folder/first.pub" -m "$text"
  check "handbill accepts $name" "$HANDBILL" verify "$text" --key "$folder/first.pub"
done
flipped=$folder/flipped.txt
sed '1s/^./X/' "${texts[0]}" >"$flipped"
cp "${texts[0]}.minisig" "$flipped.minisig"
check 'minisign refuses a changed byte' bash -c "! minisign -V -q -p '$folder/first.pub' -m '$flipped' 2>/dev/null"
check 'handbill refuses a changed byte' bash -c "! '$HANDBILL' verify '$flipped' --key '$folder/first.pub' 2>/dev/null"

handbill signing rotate >/dev/null
handbill build "$folder/two"
text=$folder/two/notices/$(basename "$(dirname "${texts[0]}")")/notice.txt
check 'the text is the same' cmp "$text" "${texts[0]}"
check 'minisign accepts the next key' minisign -V -q -p "$folder/two/signing.pub" -m "$text"
check 'and not the first' bash -c "! minisign -V -q -p '$folder/first.pub' -m '$text' 2>/dev/null"
check 'who trusts the first follows the chain' \
  "$HANDBILL" verify "$text" --key "$folder/first.pub" --chain "$folder/two/signing.chain"
# The link is a signature like any other: two lines of a key, then four that sign them.
tail -n 6 "$folder/two/signing.chain" | head -n 2 >"$folder/next.pub"
tail -n 4 "$folder/two/signing.chain" >"$folder/next.pub.minisig"
check 'minisign accepts the link of the chain' minisign -V -q -p "$folder/first.pub" -m "$folder/next.pub"
# What a person made with minisign itself.
minisign -G -W -p "$folder/theirs.pub" -s "$folder/theirs.key" >/dev/null
minisign -S -s "$folder/theirs.key" -m "$text" -x "$folder/theirs.minisig" >/dev/null
check 'handbill accepts what minisign signed' \
  "$HANDBILL" verify "$text" --signature "$folder/theirs.minisig" --key "$folder/theirs.pub"
exit $failed
