#!/usr/bin/env bash
# Measures the server beside Debian's Janus with the independent load generator, and prints the table of medians.
#   LOADGEN_DIR  folder of the load generator's sources (default: ../shared/loadgen beside this repository, if it is there)
#   VIEWERS (200), ROUNDS (3), SECS (20), RAMP (40), SERVERS_UNDER_TEST (wasmcast janus)
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
loadgen=${LOADGEN_DIR:-../shared/loadgen}
if [ ! -f "$loadgen/bench/bench.py" ]; then
  echo "bench: the load generator is not at $loadgen; set LOADGEN_DIR to the folder of its sources" >&2
  exit 1
fi
loadgen=$(cd "$loadgen" && pwd)
tests/setup/install.sh bench
tests/setup/install.sh peers

echo "bench: building the server and the load generator in release mode" >&2
cargo build --release --locked
target=${CARGO_TARGET_DIR:-$root/target}
# A copy, since the sources may not be ours to write to; built apart, since it is no part of the workspace.
mkdir -p "$target/loadgen/sources"
cp -r --no-preserve=mode "$loadgen/." "$target/loadgen/sources/"
cargo build --release --locked --manifest-path "$target/loadgen/sources/Cargo.toml" --target-dir "$target/loadgen/target"

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export WASMCAST="$target/release/wasmcast" LG="$target/loadgen/target/release"
run() { # run NAME VARIABLE=VALUE... : one tagged set of cells
  local tag=$1
  shift
  # shellcheck disable=SC2086
  env TAG="$tag" SECS="${SECS:-20}" RAMP="${RAMP:-40}" "$@" \
    python3 "$loadgen/bench/bench.py" "$results/$tag.jsonl" "${ROUNDS:-3}" "${VIEWERS:-200}" ${SERVERS_UNDER_TEST:-wasmcast janus} >&2
}
tests/setup/guests.sh "$WASMCAST" "$target/guests"

echo "bench: ${VIEWERS:-200} viewers, ${ROUNDS:-3} rounds; keep the machine quiet" >&2
run audio-video
run video-only EXTRA_WHIP="--audio 0"
run joining RAMP=50 EXTRA_WHIP="--gop 4"
# The same with a browser in the publisher's place; it gets the time to start and to find its bitrate.
mkdir "$results/chromium"
ln -s "$root/tests/bench/chromium-publisher.sh" "$results/chromium/whipgen"
printf '#!/bin/sh\nsleep 15\nexec "%s/whepgen" "$@"\n' "$LG" >"$results/chromium/whepgen"
chmod +x "$results/chromium/whepgen"
SERVERS_UNDER_TEST=wasmcast run chromium RAMP=50 LG="$results/chromium"

{
  echo "Machine: $(nproc) cores, $(awk -F ': ' '/model name/{print $2; exit}' /proc/cpuinfo), Linux $(uname -r); loopback; medians of ${ROUNDS:-3}."
  echo "One 1 Mbit/s 720p30 H.264 stream; audio-video: with Opus, keyframe every 2 s; joining: keyframe every 4 s, 50 viewers a second."
  echo "chromium: Chromium publishes on the same cores, keyframes on request, 50 viewers a second; its frames carry no time, so no latency."
  echo
  python3 "$loadgen/bench/table.py" "$results"/*.jsonl
}
tools=${WASMCAST_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmcast}
"$tools/venv/bin/python" tests/bench/plugins.py "$WASMCAST" "$target/guests" "$LG" "$loadgen/bench/bench.py"
# 2,000 viewers and beyond; left out by SCALE=0.
if [ "${SCALE:-1}" != 0 ]; then
  tests/bench/scale.sh "$WASMCAST" "$LG" "$loadgen/bench/bench.py" "$loadgen/bench/table.py" "$results"
fi
