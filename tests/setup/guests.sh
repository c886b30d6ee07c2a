#!/usr/bin/env bash
# guests.sh WASMCAST FOLDER: builds the plugins that come with the server, the examples and those of the tests into FOLDER, by
# the command that authors have. Costs nothing when they are there and no source changed. Run at the same time twice, one waits.
set -euo pipefail

wasmcast=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/../.."

exec 9>"$folder/.lock"
flock 9
sources=$(find plugins tests/plugins examples/auth-c sdk/rust wit src/main/plugin tests/setup/guests.sh \
  \( -name target -o -name dist \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/.stamp" 2>/dev/null || true)" != "$sources" ] || exit 0

# `make test` has done this. It is here for who runs a single test.
tests/setup/install.sh guests

for guest in plugins/auth-jwt plugins/auth-webhook plugins/observer-webhook plugins/ratelimit-basic plugins/router-canary \
  tests/plugins/{all-imports,auth-token,hostile,observer-hostile,patient,ratelimit-hostile,router-hostile,successor}; do
  "$wasmcast" plugin build --quiet "$guest" --output "$folder/$(basename "$guest").wasm" >/dev/null
done
tools=${WASMCAST_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmcast}
CC="$tools/zig/bin/python-zig cc -target wasm32-wasi" WASMCAST=$wasmcast examples/auth-c/build.sh "$folder/auth-c.wasm" >/dev/null
echo "$sources" >"$folder/.stamp"
