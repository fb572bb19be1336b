"""The servers of 65-list.sh, and its readers: one with curl here, one with a browser in list.mjs."""

import json
import os
import re
import smtplib
import sqlite3
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from pathlib import Path

from aiosmtpd.controller import Controller

from curl import Curl
from post import Post, links_of, report
from service import Service, action, check, end, free_port, wait_for

HERE = Path(__file__).resolve().parent
TABLES = """
[mail]
from = "Alder Street notices <notices@example.org>"
transport = "smtp"
return_path = "bounces@lists.example.org"
[mail.smtp]
host = "127.0.0.1"
port = {port}
security = "none"
[mail.inbound]
listen = "127.0.0.1:{listener}"
[[list]]
name = "alerts"
title = {{ en = "Action alerts", es = "Avisos de acciones" }}
description = {{ en = "Every action at once, and a reminder", es = "Cada acción enseguida, y un recordatorio" }}
when = "at once"
kinds = ["action"]
remind = ["-P1D"]
digest = "weekly"
[[list]]
name = "weekly"
title = {{ en = "Weekly notices", es = "Avisos semanales" }}
description = {{ en = "On Monday morning: what is new and what is ahead", es = "El lunes: lo nuevo y lo que viene" }}
when = "0 9 * * MON"
[subscribe]
per_network_per_hour = 40
"""
# Whose mailbox is full.
PROBED = "full.mailbox@example.org"
# A mail that came back five times in this way is asked after.
SOFT = "4.2.2"


def shown(service, address):
    """What the command shows of somebody; none when nobody is there."""
    ran = subprocess.run(
        [os.environ["HANDBILL"], "-C", str(service.folder), "subscribers", "show", address], text=True, capture_output=True
    )
    return json.loads(ran.stdout) if ran.returncode == 0 else None


def join(curl, post, address):
    """From the form to the welcome; answers its links."""
    curl.expect("curl: the form is taken", curl.post("subscribe", f"address={address}", "lists=alerts"), 200, "")
    confirm = links_of(post.next(address))["confirm"]
    curl.expect("curl: the link shows a button", curl.ask(confirm), 200, "<button")
    curl.expect("curl: the button confirms", curl.post(confirm), 200)
    return links_of(post.next(address))


def check_curl(service, post):
    """The whole way by curl alone."""
    curl, address = Curl(service), "curl.reader@example.org"
    links = join(curl, post, address)
    held = shown(service, address)
    check("curl: confirmed", [] if held and held["standing"] == "confirmed" else [str(held)])
    mine = f"address={address}"
    curl.expect("curl: preferences are shown", curl.ask(links["preferences"]), 200, 'value="alerts" checked')
    curl.expect("curl: another address changes nothing", curl.post(links["preferences"], "address=a@example.org", "lists=weekly"), 403)
    curl.expect("curl: they are saved", curl.post(links["preferences"], mine, "lists=weekly", "lang=es", "paused_until=2199-01-01"), 200, "Guardado.")
    held = shown(service, address)
    wanted = (["weekly"], "es", False)
    got = ([one["list"] for one in held["lists"]], held["lang"], held["reminders"])
    check("curl: and are so in the ledger", [] if got == wanted and held["paused_until"] else [str(held)])
    text = curl.expect("curl: all that is held is shown", curl.post(links["preferences"], mine, "do=show"), 200)
    told = json.loads(text)
    check("curl: and it is what the command shows", [] if told == {"address": address, "held": shown(service, address)} else [text])
    check_reading(service, curl, post)
    curl.expect("curl: the link to leave shows a button", curl.ask(links["leave"]), 200, "<button")
    check("curl: it has not left yet", [] if shown(service, address) else ["gone"])
    curl.expect("curl: the button leaves", curl.post(links["leave"]), 200)
    check("curl: nothing is held any more", [str(held) for held in [shown(service, address)] if held])


def rows(service):
    """Every row of every table but that of who publishes, which that process writes every few seconds."""
    with sqlite3.connect(f"file:{service.folder}/data/ledger.db?mode=ro", uri=True) as ledger:
        return sorted(row for row in ledger.iterdump() if not row.startswith('INSERT INTO "lease"'))


def check_reading(service, curl, post):
    """Every address in every mail and page is fetched twice, as scanners do; nothing changes."""
    found = set()
    for mail in post.read():
        found |= set(re.findall(re.escape(service.url) + r"[^\s\"<>)]*", mail["text"] + unescape(mail["html"])))
    for page in list(curl.pages.values()) + [curl.ask(path)[1] for path in ("", "subscribe/", "feeds/")]:
        paths = re.findall(r'(?:href|action|src)="(/[^"]*)"', unescape(page))
        found |= {service.url + path.lstrip("/") for path in paths}
    found = sorted(found)
    lacking = [f"no {folder} among them" for folder in ("confirm/", "leave/", "preferences/", "subscribe") if not any(folder in url for url in found)]
    # An edition of a person is closed a moment after its last mail.
    wait_for("all editions are closed", lambda: not any("'open'" in row for row in rows(service) if '"edition"' in row))
    before = rows(service)
    answers = {url: [curl.ask(url)[0] for _ in range(2)] for url in found}
    wrong = [f"{url}: {statuses}" for url, statuses in answers.items() if not {*statuses} <= {200, 301}]
    check(f"curl: {len(found)} addresses in mails and pages answer twice", lacking + wrong)
    after = rows(service)
    check("curl: and nothing in the ledger changed", [row[:200] for row in set(before) ^ set(after)])


def bring_probe(service, post, listener, address):
    """Five alerts come back from a mailbox that is full; the mail that asks whether it still works."""
    for number in range(5):
        service.publish(f"heat{number}", action(f"Heat for floor {number}", "Alder Hall"))
    alerts = [post.next(address) for _ in range(5)]
    with smtplib.LMTP("127.0.0.1", listener) as relay:
        for alert in alerts:
            relay.sendmail("", [alert["from"]], report(alert["from"], address, SOFT))
    return post.next(address)


def browse(service, mails, lang, scripts, links):
    """The way of a reader with a browser, in list.mjs; `links` are those of another, whose mail comes back."""
    arguments = {
        "url": service.url, "folder": str(service.folder), "mails": str(mails), "lang": lang, "scripts": scripts,
        "stay": links["stay"], "probed": {"address": PROBED, "preferences": links["preferences"]},
    }
    ran = subprocess.run(
        ["node", str(HERE / "list.mjs"), json.dumps(arguments)],
        cwd=Path(os.environ["REAL"]) / "node", text=True, capture_output=True,
    )
    print(ran.stdout, end="")
    check(f"Chromium, scripts {'on' if scripts else 'off'}", ran.stderr.splitlines()[:5] + [f"exit {ran.returncode}"] if ran.returncode else [])


def visit(lang, scripts):
    """One installation, its mail server and its readers."""
    with tempfile.TemporaryDirectory() as folder:
        mails, site = Path(folder) / "mails", Path(folder) / "site"
        mails.mkdir()
        site.mkdir()
        post, port, listener = Post(mails), free_port(), free_port()
        controller = Controller(post, hostname="127.0.0.1", port=port)
        controller.start()
        service = Service(site, TABLES.format(port=port, listener=listener))
        config = site / "handbill.toml"
        config.write_text(config.read_text().replace("[site]\n", f'[site]\nlang = "{lang}"\n'))
        with service:
            links = join(Curl(service), post, PROBED)
            links |= links_of(bring_probe(service, post, listener, PROBED))
            if not scripts:
                check_curl(service, post)
            browse(service, mails, lang, scripts, links)
        controller.stop()


def main():
    with ThreadPoolExecutor() as visits:
        for one in [visits.submit(visit, "en", False), visits.submit(visit, "es", True)]:
            one.result()
    end()


if __name__ == "__main__":
    main()
