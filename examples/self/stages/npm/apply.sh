#!/usr/bin/env bash
# npm as its makers publish it: Debian's comes in three hundred packages.
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

version=10.9.4
sha256=4bfba8a0c823024d1926ec9d97a37a00eb60fd2adf44b3d34a686fc32e8f51e4

curl -fsS --retry 3 -o "$work/npm.tgz" "$registry/npm/-/npm-$version.tgz"
echo "$sha256  $work/npm.tgz" | sha256sum --check --quiet
mkdir "$chroot/opt/npm"
tar -xzf "$work/npm.tgz" --no-same-owner --strip-components=1 -C "$chroot/opt/npm"
ln -s /opt/npm/bin/npm-cli.js "$chroot/usr/local/bin/npm"
rm "$work/npm.tgz"
