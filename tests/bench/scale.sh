#!/usr/bin/env bash
# How cost and latency go with the number of viewers: scale.sh WASMCAST LOADGEN BENCH_PY TABLE_PY OUT_DIR
# The load is the one that SRS publishes: H.264 200 kbit/s at 25 frames a second, sound 32 kbit/s.
#   pinned   one shard and all other threads of the server on core 0; publisher and viewers on core 1
#   free     a shard for each core, nothing pinned
#   janus    Debian's Janus on core 0, for as many viewers as it can hold
#   heavy    1 Mbit/s streams, free, until packets are lost
#   SCALE_VIEWERS (10,100,500,1000,2000), SCALE_JANUS (10,100,250,500), SCALE_HEAVY (100,500,1000,1500,2000,3000), SCALE_SECS (15), SCALE_ROUNDS (1)
set -euo pipefail
wasmcast=$(realpath "$1") loadgen=$(realpath "$2") bench=$(realpath "$3") table=$(realpath "$4") out=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
ulimit -n "$(ulimit -Hn)"

# The same programs on the other core.
mkdir "$work/core1"
for tool in whipgen whepgen; do
  printf '#!/bin/sh\nexec taskset -c 1 "%s/%s" "$@"\n' "$loadgen" "$tool" >"$work/core1/$tool"
  chmod +x "$work/core1/$tool"
done
cat >"$work/servers.json" <<JSON
{"pinned": {"cmd": ["taskset", "-c", "0", "$wasmcast", "serve"], "port": 18080,
  "env": {"WASMCAST_HTTP__LISTEN": "127.0.0.1:18080", "WASMCAST_MEDIA__LISTEN": "127.0.0.1:18189", "WASMCAST_ADMIN__LISTEN": "127.0.0.1:18081",
          "WASMCAST_MEDIA__SHARDS": "1", "WASMCAST_LOG__LEVEL": "warn", "WASMCAST_LIMITS__SESSIONS_PER_ADDRESS": "100000",
          "WASMCAST_LIMITS__PENDING_PER_ADDRESS": "10000", "WASMCAST_LIMITS__PENDING": "10000"},
  "whip": "http://127.0.0.1:18080/whip/x", "whep": "http://127.0.0.1:18080/whep/x"}}
JSON
sed 's/"taskset", "-c", "0", //; s/"WASMCAST_MEDIA__SHARDS": "1", //; s/"pinned"/"free"/' "$work/servers.json" >"$work/free.json"

run() { # run TAG SERVERS_FILE VIEWERS SERVER VARIABLE=VALUE...
  local tag=$1 servers=$2 viewers=$3 server=$4
  shift 4
  env TAG="$tag" SERVERS="$servers" SECS="${SCALE_SECS:-15}" RAMP=100 "$@" \
    python3 "$bench" "$out/scale-$tag.jsonl" "${SCALE_ROUNDS:-1}" "$viewers" "$server" >&2
}
srs="--kbps 200 --fps 25 --audio 80"
viewers=${SCALE_VIEWERS:-10,100,500,1000,2000}
run pinned "$work/servers.json" "$viewers" pinned LG="$work/core1" EXTRA_WHIP="$srs"
run free "$work/free.json" "$viewers" free LG="$loadgen" EXTRA_WHIP="$srs"
run heavy "$work/free.json" "${SCALE_HEAVY:-100,500,1000,1500,2000,3000}" free LG="$loadgen"
# Janus is started by the tool itself: the whole tool on core 0, the generators back on core 1.
if command -v janus >/dev/null; then
  TAG=janus SECS="${SCALE_SECS:-15}" RAMP=40 LG="$work/core1" EXTRA_WHIP="$srs" taskset -c 0 \
    python3 "$bench" "$out/scale-janus.jsonl" "${SCALE_ROUNDS:-1}" "${SCALE_JANUS:-10,100,250,500}" janus >&2
fi
for tag in pinned free heavy janus; do
  [ -s "$out/scale-$tag.jsonl" ] || continue
  echo "scale, $tag:"
  python3 "$table" "$out/scale-$tag.jsonl"
done
