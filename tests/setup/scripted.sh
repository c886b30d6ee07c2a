#!/usr/bin/env bash
# scripted.sh WASMCAST FOLDER: builds the example plugins in JavaScript and Python into FOLDER. Costs nothing when they are there and no
# source changed. Run at the same time twice, one waits.
set -euo pipefail

wasmcast=$(realpath "$1")
mkdir -p "$2"
folder=$(realpath "$2")
cd "$(dirname "$0")/../.."

exec 9>"$folder/.lock"
flock 9
sources=$(find examples/auth-js examples/auth-python wit tests/setup/scripted.txt tests/setup/scripted.sh src/main/plugin \
  \( -name dist -o -name __pycache__ \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
[ "$(cat "$folder/.stamp" 2>/dev/null || true)" != "$sources" ] || exit 0

# `make test-all` has done this. It is here for who runs a single test.
tests/setup/install.sh scripted

tools=${WASMCAST_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmcast}/scripted
export WASMCAST=$wasmcast
PATH="$tools/bin:$PATH" COMPONENTIZE_JS=$tools/node_modules/.bin/componentize-js examples/auth-js/build.sh "$folder/auth-js.wasm" >/dev/null
COMPONENTIZE_PY=$tools/bin/componentize-py examples/auth-python/build.sh "$folder/auth-python.wasm" >/dev/null
echo "$sources" >"$folder/.stamp"
