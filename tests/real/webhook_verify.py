"""Verify a webhook with PyPI standardwebhooks==1.1.0.

Usage: webhook_verify.py FILE, where FILE is JSON: {"secret": "whsec_…", "headers": {…}, "body": "…"}.
Exit 0: verified; 1: not verified; 2: usage or a file of another shape.
"""

import json
import sys

from standardwebhooks import Webhook, WebhookVerificationError


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            post = json.load(file)
        secret, headers, body = post["secret"], post["headers"], post["body"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{sys.argv[1]}: {error!r}", file=sys.stderr)
        return 2
    try:
        Webhook(secret).verify(body.encode(), headers)
    except WebhookVerificationError as error:
        print(f"not verified: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
