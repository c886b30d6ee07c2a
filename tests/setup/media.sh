#!/bin/sh
# Makes the files that `wasmcast publish` sends in the end-to-end tests: eight seconds of the test picture and
# its two tones in each codec. Usage: media.sh FFMPEG FOLDER
set -euf
export SVT_LOG=1 # errors only
ffmpeg=$1 folder=$2
. "$(dirname "$0")/../e2e/peers/testsrc.sh"
make() { # make FILE OPTION... : both inputs, encoded with the options
  file=$1
  shift
  "$ffmpeg" -hide_banner -loglevel error -y $inputs -t 8 -pix_fmt yuv420p -g 60 -b:v 800k "$@" "$folder/$file"
}
make h265.mp4 -c:v libx265 -preset ultrafast -x265-params log-level=error:bframes=0 -tag:v hvc1 -c:a libopus -b:a 96k
make vp9.mp4 -c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus -b:a 96k
make av1.mp4 -c:v libsvtav1 -preset 12 -svtav1-params pred-struct=1:rc=2 -c:a libopus -b:a 96k
# MP4 takes no VP8, IVF takes no sound.
make vp8.ivf -an -c:v libvpx -deadline realtime -cpu-used 8
