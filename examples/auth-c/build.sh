#!/usr/bin/env bash
# build.sh [OUTPUT]: compiles auth.c and makes the plugin of it. Needs `zig` (pip install ziglang), or another clang with a libc
# for wasm32-wasi in CC, and `wasmcast` on the path or in WASMCAST.
set -euo pipefail
cd "$(dirname "$0")"
output=$(realpath -m "${1:-dist/auth-c.wasm}")
mkdir -p dist

${CC:-zig cc -target wasm32-wasi} -Os -flto -g0 -s -mexec-model=reactor -Wl,-z,stack-size=65536 -Wall -Wno-unused-variable \
  -o dist/auth_c.core.wasm auth.c bindings/auth_plugin.c bindings/auth_plugin_component_type.o
"${WASMCAST:-wasmcast}" plugin build --quiet dist/auth_c.core.wasm --name auth-c --output "$output"
cp auth-c.toml "${output%.wasm}.toml"
