#!/usr/bin/env bash
# Lets publishers and viewers come and go and a plugin reload for a while, and looks whether the server grows: run.sh [SECONDS].
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --release --locked
exec python3 tests/soak/soak.py "${CARGO_TARGET_DIR:-target}/release/wasmcast" "${1:-600}"
