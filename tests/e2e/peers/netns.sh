#!/bin/sh
# Runs a command in a network namespace of its own with one address, 10.77.0.1, besides loopback; everything in it dies with it.
# Usage: netns.sh COMMAND...    As root, or as a user who may make user namespaces.
set -eu
if [ "${1:-}" = --inside ]; then
  shift
  ip link set lo up
  ip link add wasmcast0 type veth peer name wasmcast1
  ip address add 10.77.0.1/24 dev wasmcast0
  ip link set wasmcast0 up
  ip link set wasmcast1 up
  # Browsers look for the interface of the default route.
  ip route add default via 10.77.0.2
  exec "$@"
fi
[ "$(id -u)" = 0 ] || user=--map-root-user
exec unshare ${user:-} --net --pid --mount-proc --fork --kill-child -- "$0" --inside "$@"
