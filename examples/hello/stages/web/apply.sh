#!/usr/bin/env bash
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

install -d -o 0 -g 0 -m 0755 "$chroot/srv/hello" "$chroot/usr/local/bin"
install -o 0 -g 0 -m 0755 "$assets_dir/hello" "$chroot/usr/local/bin/hello"

page=$(<"$assets_dir/index.html")
escaped=${greeting//&/\&amp;}
escaped=${escaped//</\&lt;}
printf '%s\n' "${page//@greeting@/"$escaped"}" >"$chroot/srv/hello/index.html"
chmod 0644 "$chroot/srv/hello/index.html"
