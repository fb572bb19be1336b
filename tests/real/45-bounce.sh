#!/usr/bin/env bash
# What comes back, through a real Postfix: it takes mail for people whom it does not know, finds that out when it
# delivers, and returns a report to each mail's own return path, which leads to the listener. An instance of its own
# as in 41-postfix.sh; what is not for the domains below would bounce, so nothing leaves the machine.
# Needs: postfix root
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sudo=
[ "$(id -u)" = 0 ] || sudo='sudo -n'
export PATH=$PATH:/usr/sbin:/sbin
folder=$(mktemp -d)
chmod 755 "$folder"
stop() {
  [ ! -e "$folder/queue/pid/master.pid" ] || $sudo kill "$(tr -d ' ' <"$folder/queue/pid/master.pid")" || true
  $sudo rm -rf "$folder"
}
trap stop EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
listener=$(free_port)
owner=$(id -u)
[ "$owner" != 0 ] || owner=$(id -u nobody)
mkdir -p "$folder"/{config,queue,data,mail}
$sudo chown postfix "$folder/data"
$sudo chown "$owner" "$folder/mail"
cat >"$folder/config/main.cf" <<CONFIG
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/log
maillog_file_prefixes = $folder
myhostname = relay.example.org
mydestination =
mynetworks = 127.0.0.0/8
inet_interfaces = loopback-only
inet_protocols = ipv4
alias_maps =
default_transport = error:5.7.1 nothing leaves this machine
relay_transport = error:5.7.1 nothing leaves this machine
virtual_mailbox_domains = example.org
virtual_mailbox_base = $folder/mail
virtual_mailbox_maps = inline:{ quince@example.org=all/, alder@example.org=all/ }
virtual_uid_maps = static:$owner
virtual_gid_maps = static:$(id -g nobody)
# Taken first and bounced then, as by a host behind the one that took it.
smtpd_reject_unlisted_recipient = no
# As the README has it.
recipient_delimiter = +
transport_maps = inline:{ lists.example.org=lmtp:inet:127.0.0.1:$listener }
relay_domains = lists.example.org
CONFIG
cat >"$folder/config/master.cf" <<CONFIG
127.0.0.1:$port inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
CONFIG
for file in /etc/postfix/dynamicmaps.cf /etc/postfix/postfix-files; do
  [ ! -e $file ] || cp $file "$folder/config/"
done
$sudo chown -R root "$folder/config"
$sudo postfix -c "$folder/config" start
python3 "$here/bounce.py" --relay "$port" --listener "$listener" --maildir "$folder/mail/all" || {
  tail -n 30 "$folder/log"
  exit 1
}
