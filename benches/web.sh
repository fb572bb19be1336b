#!/usr/bin/env bash
# Web: a 304 and a compressed feed from `handbill serve --only web`, beside nginx on the same files.
#
#   benches/web.sh [notices] [seconds]
#
# Needs `cargo build --release` and Debian's packages nginx (its service stays off), wrk and curl. Both servers
# use as many threads as there are cores; the CPU a request is the figure to trust on a busy machine.
set -euo pipefail
cd "$(dirname "$0")/.."

notices=${1:-1000} seconds=${2:-5} connections=50
handbill=$PWD/target/release/handbill
root=$(mktemp -d "$PWD/target/web.XXXXXX")
chmod 755 "$root"
trap 'kill $(cat "$root/nginx.pid" 2>/dev/null) ${serve:-} 2>/dev/null || true; rm -rf "$root"' EXIT

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

"$handbill" -C "$root" init --empty >/dev/null
cargo bench --quiet --bench notices -- "$notices" "$root/notices"
"$handbill" -C "$root" publish >/dev/null

ours=$(free_port)
"$handbill" -C "$root" --log warn serve --only web --listen "127.0.0.1:$ours" &
serve=$!

theirs=$(free_port)
cat >"$root/nginx.conf" <<CONF
worker_processes auto;
pid $root/nginx.pid;
error_log $root/nginx.log;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    open_file_cache max=1000;
    types { text/html html; application/atom+xml atom; application/rss+xml rss; application/feed+json json; }
    server {
        listen 127.0.0.1:$theirs;
        root $root/data/site;
        gzip_static on;
        etag on;
    }
}
CONF
nginx -c "$root/nginx.conf" -p "$root" -e "$root/nginx.log"
until curl -so /dev/null "127.0.0.1:$ours/healthz" && curl -so /dev/null "127.0.0.1:$theirs/index.html"; do sleep 0.1; done

# The CPU of processes in hundredths of a second: fields 14 and 15 of /proc/<id>/stat.
ticks() { for id in "$@"; do sed 's/.*) //' "/proc/$id/stat"; done | awk '{ sum += $12 + $13 } END { print sum }'; }

# measure <name> <port> <path> <wanted status> <process ids> -- <headers>
measure() {
    local name=$1 address=http://127.0.0.1:$2$3 wanted=$4 ids=$5 headers=() before answer
    shift 6
    for header in "$@"; do headers+=(-H "$header"); done
    local got
    got=$(curl -so /dev/null -w '%{http_code} %{size_download}' "${headers[@]}" "$address")
    [ "${got% *}" = "$wanted" ] || { echo "$address answers $got" >&2; exit 1; }
    # shellcheck disable=SC2086
    before=$(ticks $ids)
    answer=$(wrk -t1 "-c$connections" "-d${seconds}s" "${headers[@]}" "$address" | awk '/requests in/ { print $1 }')
    # shellcheck disable=SC2086
    awk -v name="$name" -v requests="$answer" -v cpu=$(($(ticks $ids) - before)) -v seconds="$seconds" -v got="$got" \
        'BEGIN { printf "%-22s %8.0f/s  %6.1f µs CPU a request  (%s bytes)\n", name, requests / seconds, cpu * 1e4 / requests, got }'
}

etag() { curl -sI -H 'Accept-Encoding: gzip' "$1" | tr -d '\r' | sed -n 's/^[Ee][Tt]ag: //p'; }

workers=$(pgrep -P "$(cat "$root/nginx.pid")" | tr '\n' ' ')
for path in /feeds/all.atom; do
    measure "handbill 304" "$ours" "$path" 304 "$serve" -- 'Accept-Encoding: gzip' "If-None-Match: $(etag "127.0.0.1:$ours$path")"
    measure "nginx 304" "$theirs" "$path" 304 "$workers" -- 'Accept-Encoding: gzip' "If-None-Match: $(etag "127.0.0.1:$theirs$path")"
    measure "handbill feed, gzip" "$ours" "$path" 200 "$serve" -- 'Accept-Encoding: gzip'
    measure "nginx feed, gzip" "$theirs" "$path" 200 "$workers" -- 'Accept-Encoding: gzip'
done
