#!/usr/bin/env bash
# Runs outside of the image, with the builder's programs; the image's root folder is $chroot.
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Manuals, documentation and translations stay out of this and of all later packages.
mmdebstrap --mode=root --variant=minbase --format=directory --keyring="$keyring" \
  --dpkgopt="$assets_dir/without-documents" \
  "$suite" "$chroot" "deb [signed-by=$keyring] $mirror $suite main"

# What mmdebstrap took from the machine that it ran on.
rm -f "$chroot/etc/resolv.conf" "$chroot/etc/hostname"

# Every runtime brings devices of its own.
rm -rf "$chroot"/dev/*
