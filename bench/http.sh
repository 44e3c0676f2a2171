#!/bin/sh
# The HTTP server beside nginx on loopback: requests a second of a POST of 150 bytes, echoed by bench_http_echo and
# answered by `return 200` with the same bytes by one nginx worker. They alternate; the best round of each counts.
#
#   bench/http.sh [ROUNDS] [SECONDS]        with wrk, nginx-light and build/release/bin/bench_http_echo
set -eu
rounds=${1:-5} seconds=${2:-3}
program=$(dirname "$0")/../build/release/bin/bench_http_echo
work=$(mktemp -d)
pids=
trap 'kill $pids 2>/dev/null || :; wait; rm -rf "$work"' EXIT

body='{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"text":"0123456789012345678901234567890123456789012345678901234"}}}'
cat >"$work/nginx.conf" <<END
daemon off; worker_processes 1; pid $work/nginx.pid; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 1000000000; default_type application/json;
  client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work; uwsgi_temp_path $work; scgi_temp_path $work;
  server { listen 127.0.0.1:18080; location / { return 200 '$body'; } }
}
END
cat >"$work/post.lua" <<END
wrk.method = "POST"
wrk.body = '$body'
wrk.headers["Content-Type"] = "application/json"
END
nginx -e stderr -c "$work/nginx.conf" & pids="$pids $!"
"$program" 127.0.0.1:18081 --exchange >/dev/null & pids="$pids $!"
"$program" 127.0.0.1:18082 >/dev/null & pids="$pids $!"
sleep 1

rate() {  # PORT CONNECTIONS
  wrk -t1 -c"$2" -d"${seconds}s" -s "$work/post.lua" "http://127.0.0.1:$1/" | awk '/Requests\/sec/ { printf "%d\n", $2 }'
}

printf '%-12s %10s %10s %10s %10s %10s\n' connections nginx exchange handler exch/nginx hand/nginx
for connections in 8 32; do
  round=0
  : >"$work/rates"
  while [ $round -lt "$rounds" ]; do
    echo "$(rate 18080 $connections) $(rate 18081 $connections) $(rate 18082 $connections)" >>"$work/rates"
    round=$((round + 1))
  done
  awk -v c=$connections '{ for (i = 1; i <= 3; ++i) if ($i > best[i]) best[i] = $i }
    END { printf "%-12s %10d %10d %10d %10.2f %10.2f\n", c, best[1], best[2], best[3], best[2] / best[1], best[3] / best[1] }' "$work/rates"
done
