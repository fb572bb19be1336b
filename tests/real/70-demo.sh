#!/usr/bin/env bash
# The demo runs to its end by itself and finds nothing amiss.
set -euo pipefail
if ! "$HANDBILL" help | grep -q '^  demo '; then
  echo 'FAIL handbill has no command demo'
  exit 1
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
"$HANDBILL" demo --no-open --until-done
