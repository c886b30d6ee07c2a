#!/usr/bin/env bash
# Runs every fuzz target: run.sh [SECONDS for each, default 30] [TARGET ...]. Works on stable Rust (no sanitizer; the code under
# test has no unsafe). Finds grow in corpus/, seeds/ is what the repository keeps. A crash ends the run and leaves its input in
# artifacts/; `cargo fuzz run -s none --fuzz-dir tests/fuzz TARGET FILE` repeats it.
set -euo pipefail

cd "$(dirname "$0")"
seconds=${1:-30}
shift || true
cp ../../Cargo.lock Cargo.lock
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list --fuzz-dir .)
for target in "${targets[@]}"; do
  printf 'fuzz: %s for %s s\n' "$target" "$seconds" >&2
  mkdir -p "corpus/$target"
  folders=("corpus/$target")
  [ ! -d "seeds/$target" ] || folders+=("seeds/$target")
  # Room for a whole offer of a browser, a media file of some frames, and several packets or datagrams.
  case $target in
  sdp) longest=16384 ;;
  container) longest=65536 ;;
  *) longest=4096 ;;
  esac
  cargo fuzz run -s none --fuzz-dir . "$target" "${folders[@]}" -- \
    -max_total_time="$seconds" -max_len="$longest" -timeout=5 -rss_limit_mb=1024 -verbosity=0 -print_final_stats=1
done
