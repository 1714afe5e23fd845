#!/usr/bin/env bash
# Runs outside of the image, with the builder's programs; the image's root folder is $chroot.
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Without apt: the image is updated by building it anew. One that is half made is thrown away, so nothing is synced.
mmdebstrap --mode=root --variant=essential --include=ca-certificates,nodejs --format=directory --keyring="$keyring" \
  --dpkgopt="$assets_dir/without-documents" --dpkgopt=force-unsafe-io \
  "$suite" "$chroot" "deb [signed-by=$keyring] $mirror $suite main"

# What mmdebstrap took from the machine that it ran on, and devices: every runtime brings its own.
rm -rf "$chroot/etc/resolv.conf" "$chroot/etc/hostname" "$chroot"/dev/*
