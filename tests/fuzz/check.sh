#!/usr/bin/env bash
# Whether the fuzz targets still compile; nothing is linked or run. They have no lock file of their own: it is the main one, so that the
# crates which the lints have checked by then count here, too.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
cp "$root/Cargo.lock" "$root/tests/fuzz/Cargo.lock"
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$root/target} cargo check --quiet --manifest-path "$root/tests/fuzz/Cargo.toml"
cargo fmt --check --manifest-path "$root/tests/fuzz/Cargo.toml"
