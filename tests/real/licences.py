"""Holds the licences of all dependencies against deny.toml, when cargo-deny is not there to do it.

    cargo metadata --format-version 1 | python3 licences.py deny.toml

An expression (SPDX, or the older `MIT/Apache-2.0`) is met when what it asks for at least is allowed.
"""

import json
import re
import sys
import tomllib


def is_met(expression: str, allowed: set[str]) -> bool:
    """Whether the licences in `allowed` meet an SPDX expression; AND binds before OR (SPDX 2.3, annex D)."""
    tokens = re.findall(r"[()]|[^\s()/]+|/", expression)

    def either() -> bool:
        met = both()
        while tokens and tokens[0] in ("OR", "/"):
            tokens.pop(0)
            met = both() or met
        return met

    def both() -> bool:
        met = one()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop(0)
        if token == "(":
            met = either()
            tokens.pop(0)
            return met
        if tokens and tokens[0] == "WITH":
            token = f"{token} WITH {tokens[1]}"
            del tokens[:2]
        return token in allowed

    return either() and not tokens


def main() -> int:
    with open(sys.argv[1], "rb") as file:
        rules = tomllib.load(file)["licenses"]
    allowed = set(rules["allow"])
    excepted = {rule["crate"]: set(rule["allow"]) for rule in rules.get("exceptions", [])}
    packages = json.load(sys.stdin)["packages"]
    bad = [
        f"FAIL {package['name']} {package['version']}: {package['license'] or 'no licence'}"
        for package in packages
        if not is_met(package["license"] or "none", allowed | excepted.get(package["name"], set()))
    ]
    print("\n".join(bad + [f"{len(packages)} packages, {len(bad)} with a licence that is not allowed"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
