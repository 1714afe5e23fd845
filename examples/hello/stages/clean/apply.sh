#!/usr/bin/env bash
# Removes caches, logs and what tells one machine from another.
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

rm -rf "$chroot"/var/cache/apt/* "$chroot"/var/cache/debconf/*-old "$chroot"/var/lib/dpkg/*-old
find "$chroot/var/log" -type f -delete
rm -rf "${chroot:?}"/tmp/* "$chroot"/var/tmp/* "$chroot"/var/cache/ldconfig/*
: >"$chroot/etc/machine-id"
