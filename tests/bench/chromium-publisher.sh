#!/usr/bin/env bash
# Stands in for the load generator's publisher: until SIGINT, Chromium sends a moving picture as its camera, and beeps as its
# microphone, through the page.
#   chromium-publisher.sh --url http://HOST/whip/STREAM     (the load generator's other options are ignored)
set -euo pipefail
tools=${WASMCAST_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmcast}
peers=$(dirname "$(realpath "$0")")/../e2e/peers
while [ $# -gt 1 ] && [ "$1" != --url ]; do shift; done
page="${2/\/whip\///publish/}?source=camera&autostart=1&codec=h264&width=1280&height=720&fps=30&kbps=1000&degradation=maintain-resolution"
profile=$(mktemp -d)
# Chromium's own test picture is so plain that it takes 0.4 Mbit/s; this one fills the 1 Mbit/s of the other figures.
camera="$profile/camera.mjpeg"
"$tools/ffmpeg" -v error -f lavfi -i testsrc2=size=1280x720:rate=30 -t 10 -c:v mjpeg -q:v 4 "$camera"
# The browser closes when its standard input does.
exec 3> >(NODE_PATH="$tools/node/node_modules" exec "$tools/venv/bin/node" "$peers/browser.mjs" \
  "{\"role\":\"publish\",\"url\":\"$page\",\"profile\":\"$profile\",\"args\":[\"--use-file-for-fake-video-capture=$camera\"]}")
browser=$!
trap exit INT TERM
trap 'exec 3>&-; wait "$browser" || true; rm -rf "$profile"' EXIT
wait "$browser"
