#!/usr/bin/env bash
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

pkg_mgr install procps iproute2 strace
rm -rf "$chroot"/var/lib/apt/lists/*
