#!/usr/bin/env bash
# 100,000 users page by page through okta-mcp-server, beside curl over the same pages: nginx serves them from files,
# and a proxy holds every answer back for 100 ms. Alternates; prints medians, CPU and memory.
#
#   bench/pages.sh [USERS] [ROUNDS]       needs nginx, and build/release with bench targets
set -euo pipefail
cd "$(dirname "$0")/.."
users=${1:-100000} rounds=${2:-3} delay=100
bin=$PWD/build/release/bin
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; [ -f "$work/nginx.pid" ] && kill "$(cat "$work/nginx.pid")" 2>/dev/null; rm -rf "$work"' EXIT

"$bin/okta-dev-org" --listen 127.0.0.1:0 --users "$users" --env-file "$work/env" 2>"$work/org" &
for _ in $(seq 600); do [ -s "$work/env" ] && break; sleep 0.1; done
. "$work/env"
echo "saving pages of $users users ..."
mkdir "$work/www"
port=47311 front=47312
url="$OKTA_ORG_URL/api/v1/users?limit=200" n=0 after=""
: >"$work/map"
while [ -n "$url" ]; do
  curl -sS -D "$work/h" -H "Authorization: SSWS $OKTA_DEV_API_TOKEN" "$url" >"$work/www/page_$after.json"
  url=$(grep -io '<[^>]*>; *rel="next"' "$work/h" | sed 's/^<\([^>]*\)>.*/\1/' || true)
  next=$(sed -n 's/.*[?&]after=\([^&]*\).*/\1/p' <<<"$url")
  [ -n "$url" ] && echo "\"$after\" '<http://127.0.0.1:$front/api/v1/users?limit=200&after=$next>; rel=\"next\"';" >>"$work/map"
  echo "http://127.0.0.1:$front/api/v1/users?limit=200${after:+&after=$after}" >>"$work/urls"
  after=$next n=$((n + 1))
done
cat >"$work/nginx.conf" <<N
user root; daemon on; pid $work/nginx.pid; error_log $work/nginx.log; worker_processes 1;
events { worker_connections 256; }
http {
  access_log off; keepalive_requests 1000000; default_type application/json;
  client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3; uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
  map_hash_bucket_size 256; map_hash_max_size 65536;
  map \$arg_after \$link { default ''; include $work/map; }
  server { listen 127.0.0.1:$port; root $work/www;
    location = /api/v1/users { add_header Link \$link; try_files /page_\$arg_after.json =404; } }
}
N
nginx -c "$work/nginx.conf"
"$bin/latency_proxy" "$front" "$port" "$delay" &
sleep 0.5
{ while read -r u; do echo "url = \"$u\""; echo "output = /dev/null"; done <"$work/urls"; } >"$work/curlrc"
export OKTA_ORG_URL=http://127.0.0.1:$front OKTA_API_TOKEN=$OKTA_DEV_API_TOKEN OKTA_MCP_STATE_DIR=$work/state
echo "$n pages"
for round in $(seq "$rounds"); do
  /usr/bin/time -f "%e %U %S %M" -o "$work/t" "$bin/okta-mcp-server" call list_users count_only=true >"$work/answer" 2>"$work/err" || { cat "$work/answer" "$work/err" >&2; exit 1; }
  read -r wall user sys rss <"$work/t"
  ours=$wall
  echo "round $round: server $wall s, client CPU per page $(awk "BEGIN{printf \"%.0f\", ($user+$sys)*1e6/$n}") us, peak RSS $((rss / 1024)) MiB; $(head -1 "$work/answer")"
  /usr/bin/time -f "%e %U %S %M" -o "$work/t" curl -sS -K "$work/curlrc" -H "Authorization: SSWS x"
  read -r wall user sys rss <"$work/t"
  echo "round $round: curl   $wall s, client CPU per page $(awk "BEGIN{printf \"%.0f\", ($user+$sys)*1e6/$n}") us; ratio $(awk "BEGIN{printf \"%.3f\", $ours/$wall}")"
done
