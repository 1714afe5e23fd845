#!/usr/bin/env bash
# Runs before any stage: checks the settings, and hands on those that the stage needs.
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_config.bash"

assert_available mmdebstrap
persist_value mirror
persist_value suite
