#!/bin/sh
# A WHIP publisher with FFmpeg: a moving picture with a square that flashes, two tones that swell, both at each full second.
# Usage: ffmpeg_publish.sh FFMPEG URL [OPTION...]    An option such as `-authorization TOKEN` goes to the muxer.
set -euf
ffmpeg=$1 url=$2
shift 2
. "$(dirname "$0")/testsrc.sh"
exec "$ffmpeg" -hide_banner -loglevel warning -re $inputs \
  -c:v libx264 -preset ultrafast -tune zerolatency -profile:v baseline -bf 0 -g 60 -b:v 1M -pix_fmt yuv420p \
  -c:a libopus -b:a 96k -ac 2 -ar 48000 "$@" -f whip "$url"
