#!/usr/bin/env bash
# ID-JAG issue and redemption by okta-agent-registry as it is shipped (a SQLite file, every answer durable, replay cache
# and events on), beside what `openssl speed` says that the signatures and verifications of a cycle cost:
#
#   exchange    verify the client assertion, verify the ID token, sign the ID-JAG
#   redemption  verify the client assertion, verify the ID-JAG, sign the access token
#
#   bench/registry_tokens.sh [--quick] [CONNECTIONS]      default: 32; RS256 throughout, then ES256 for the agent's key
#                                                         and the custom authorization server
#
# The server has core 0, wrk core 1; requests are signed beforehand. "% of openssl" is cycles a second against
# 1 / (sum of openssl's times) on that core; "by CPU" puts the server's CPU time in the place of the clock's, and is what
# remains comparable on a machine that is busy with other things. STORE_DIR: where the file lies (a real disk, or
# COMMIT costs nothing). SERVE_ARGS: more for `serve`. Needs build/release with bench_registry_tokens (bench/README.md), wrk, openssl, taskset.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=10 cycles=20000 connections=32
if [ "${1:-}" = --quick ]; then seconds=3 cycles=5000; shift; fi
connections=${1:-$connections}

bin=${BENCH_BIN:-$PWD/build/release/bin}
work=$(mktemp -d -p "${STORE_DIR:-/var/tmp}")
pid=
cleanup() {
  [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
for program in wrk openssl taskset; do
  command -v "$program" >/dev/null || { echo "bench/registry_tokens.sh: $program is missing; run scripts/install test." >&2; exit 1; }
done

# Nanoseconds of one signature and of one verification.
speed() { taskset -c 0 openssl speed -mr -seconds 1 "$1" 2>/dev/null | awk -F: '/^\+F[24]/ { printf "%d %d\n", 1e9 / $4, 1e9 / $5 }'; }
# Microseconds of CPU a process's threads have had, by the scheduler's own clock.
cpu() { cat "/proc/$1"/task/*/schedstat | awk '{ sum += $1 } END { printf "%d", sum / 1e3 }'; }

step() {
  local algorithm=$1 store=sqlite:$work/$1.db url out before after done_ took rsa ec bound
  taskset -c 0 "$bin/okta-agent-registry" --store "$store" serve --listen 127.0.0.1:0 --allow-http-loopback ${SERVE_ARGS:-} >"$work/log" 2>&1 &
  pid=$!
  for _ in $(seq 200); do
    url=$(sed -n 's/^okta-agent-registry: \(http[^ ]*\) at .*/\1/p' "$work/log")
    [ -z "$url" ] || break
    kill -0 "$pid" 2>/dev/null || { cat "$work/log" >&2; exit 1; }
    sleep 0.05
  done
  mkdir -p "$work/$algorithm"
  "$bin/bench_registry_tokens" "$store" "$url" "$cycles" "$algorithm" "$work/$algorithm"
  before=$(cpu "$pid")
  out=$(taskset -c 1 wrk -t1 -c"$connections" -d"${seconds}s" --timeout 20s -s bench/registry_tokens.lua "$url" -- "$work/$algorithm" | grep '^cycles')
  after=$(cpu "$pid")
  read -r _ done_ _ took _ failed _ ran_out first <<<"$out"
  [ "$failed" -eq 0 ] || { echo "bench/registry_tokens.sh: $failed requests failed, the first: $first" >&2; exit 1; }
  [ "$ran_out" -eq 0 ] || { echo "bench/registry_tokens.sh: $cycles requests are too few for ${seconds} s" >&2; exit 1; }
  kill "$pid"; wait "$pid" || true; pid=
  read -r -a rsa <<<"$(speed rsa2048)"
  if [ "$algorithm" = RS256 ]; then
    bound=$((2 * rsa[0] + 4 * rsa[1]))
  else
    read -r -a ec <<<"$(speed ecdsap256)"
    bound=$((rsa[0] + 2 * rsa[1] + ec[0] + 2 * ec[1]))
  fi
  awk -v a="$algorithm" -v n="$done_" -v t="$took" -v c="$((after - before))" -v b="$bound" 'BEGIN {
    printf "%9s | %8.0f | %10.0f %10.0f | %12.0f %8.0f\n", a, n / t, b / 1e3, c / n, 100 * b * n / t / 1e9, 100 * b * n / (c * 1e3) }'
}

echo "$connections connections, $seconds s; the store in ${work%/*}"
printf '%9s | %8s | %10s %10s | %12s %8s\n' algorithm cycles/s 'openssl us' 'CPU us' '% of openssl' 'by CPU'
step RS256
step ES256
