#!/usr/bin/env bash
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

pkg_mgr install busybox tini

# Here and not in the stage clean: each stage is a layer, and what a later one removes stays in it.
rm -rf "$chroot"/var/lib/apt/lists/*
