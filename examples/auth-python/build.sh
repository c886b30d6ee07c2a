#!/usr/bin/env bash
# build.sh [OUTPUT]: makes the plugin of app.py. Needs `pip install componentize-py` (or the program in COMPONENTIZE_PY), and `wasmcast`
# on the path or in WASMCAST.
set -euo pipefail
cd "$(dirname "$0")"
output=$(realpath -m "${1:-dist/auth-python.wasm}")
mkdir -p dist

# --stub-wasi: Python's libraries want files and clocks of WASI, which no plugin gets.
${COMPONENTIZE_PY:-componentize-py} -d ../../wit -w wasmcast:sdk/auth-plugin componentize --stub-wasi app -o dist/auth_python.component.wasm
"${WASMCAST:-wasmcast}" plugin build --quiet dist/auth_python.component.wasm --name auth-python --output "$output"
cp auth-python.toml "${output%.wasm}.toml"
