#!/usr/bin/env bash
# build.sh [OUTPUT]: makes the plugin of auth.js. Needs Node.js and `npm install @bytecodealliance/componentize-js` (or the program in
# COMPONENTIZE_JS), and `wasmcast` on the path or in WASMCAST.
set -euo pipefail
cd "$(dirname "$0")"
output=$(realpath -m "${1:-dist/auth-js.wasm}")
mkdir -p dist

# All features off: each of them imports WASI, which no plugin gets.
${COMPONENTIZE_JS:-npx componentize-js} auth.js --wit ../../wit --world-name wasmcast:sdk/auth-plugin \
  --disable stdio random clocks http fetch-event --out dist/auth_js.component.wasm
"${WASMCAST:-wasmcast}" plugin build --quiet dist/auth_js.component.wasm --name auth-js --output "$output"
cp auth-js.toml "${output%.wasm}.toml"
