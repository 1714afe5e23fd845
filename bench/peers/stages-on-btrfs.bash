#!/bin/bash
# Stages on btrfs as a plain script, without any tool: one subvolume a stage, filed under the stage's name, and a trace
# of checksums in each that says from which stages it came.
#   stages-on-btrfs.bash MOUNT SPEC SETTINGS
set -eu
mount=$1 spec=$2 settings=$3
tree=$(readlink -f "$(dirname "$spec")/..")
work=$mount/work

checksum() {
  (cd "$tree/stages/$1" && find . -type f | sort | xargs -n1 sha1sum | sha1sum)
}

drop() {
  if [ -d "$1" ]; then btrfs -q subvolume delete "$1"; fi
}

source "$settings"
stage() {
  if [ -x "$tree/stages/$1/config.sh" ]; then "$tree/stages/$1/config.sh" "$settings"; fi
}
source "$spec"

last=
stage() {
  local own=$mount/${1}_applied expected
  expected=$(
    if [ -n "$last" ]; then cat "$last/tmp/trace.sha1sum"; fi
    checksum "$1"
  )
  if ! [ -f "$own/tmp/trace.sha1sum" ] || [ "$expected" != "$(cat "$own/tmp/trace.sha1sum")" ]; then
    drop "$work"
    drop "$own"
    if [ -n "$last" ]; then btrfs -q subvolume snapshot "$last" "$work"; else btrfs -q subvolume create "$work"; fi
    echo "applying $1"
    "$tree/stages/$1/apply.sh" "$work"
    mkdir -p "$work/tmp"
    echo "$expected" >"$work/tmp/trace.sha1sum"
    btrfs -q subvolume snapshot "$work" "$own"
  fi
  last=$own
}
source "$spec"
