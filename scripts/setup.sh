#!/bin/sh
# Puts in place what a clone needs, on a fresh Debian machine too: `program` to run Cambium, `tests` to test it.
# Says one line for each thing that it installs, installs nothing twice, and is quick when all is there.
set -eu
what=${1:-program}
root=$(cd "$(dirname "$0")/.." && pwd -P)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf 'cambium: %s\n' "$1" >&2; }
fail() {
  say "$1"
  exit 3
}

# One at a time: the lock is on this script itself and ends with the process.
exec 9<"$0"
command -v flock >/dev/null && flock 9

# program or file that shows it is there : Debian package
program_needs='mmdebstrap:mmdebstrap btrfs:btrfs-progs slirp4netns:slirp4netns zstd:zstd xz:xz-utils ip:iproute2
  tini-static:tini mount:mount setpriv:util-linux'
# Either runtime will do; crun is the quicker one.
runtime_needs=
command -v crun >/dev/null || command -v runc >/dev/null || runtime_needs=crun:crun
test_needs='make:make crun:crun runc:runc mkfs.xfs:xfsprogs mkfs.ext4:e2fsprogs skopeo:skopeo umoci:umoci buildah:buildah podman:podman
  dockerd:docker.io setfattr:attr setfacl:acl setcap:libcap2-bin pigz:pigz busybox:busybox-static rsync:rsync
  script:bsdutils tmux:tmux git:git curl:curl docker-registry:docker-registry openssl:openssl
  pgrep:procps ssh-agent:openssh-client python3:python3'

missing_packages() {
  for need in "$@"; do
    command -v "${need%%:*}" >/dev/null || printf '%s ' "${need#*:}"
  done
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >"$log" 2>&1
}

install_packages() {
  # shellcheck disable=SC2086 # a list of words
  packages=$(missing_packages $1)
  [ -n "$packages" ] || return 0
  if ! command -v apt-get >/dev/null; then
    say "these programs are missing, and there is no apt-get to install them: $packages"
    return 1
  fi
  if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    say "these Debian packages are missing, and it takes root to install them: $packages"
    return 1
  fi
  log=$(mktemp)
  for package in $packages; do say "installing the Debian package $package"; done
  # A fresh machine has no lists of packages: then the first try fails at once.
  # shellcheck disable=SC2086
  if apt install -y --no-install-recommends $packages || { apt update && apt install -y --no-install-recommends $packages; }; then
    rm -f "$log"
    return 0
  fi
  tail -n 5 "$log" >&2
  rm -f "$log"
  say "the packages could not be installed"
  return 1
}

command -v node >/dev/null || [ ! -x "$root/dist/node" ] || PATH=$PATH:$(dirname "$(readlink "$root/dist/node")")
command -v node >/dev/null || fail 'Node.js is missing. Install Node 20.19 or newer: https://nodejs.org/en/download'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node $(node --version) is too old: 20.19 or newer is needed."

mkdir -p "$root/dist"
if [ "$what" = tests ]; then
  install_packages "$program_needs $test_needs" || fail 'the tests need all of them.'
  # From Debian 13 on it is a package of its own; before, there is none of that name.
  install_packages docker:docker-cli || fail 'the tests need it.'
elif [ ! -f "$root/dist/no-packages" ]; then
  # Without them much still works, and `cambium doctor` tells what doesn't: said once, not at each start.
  install_packages "$program_needs $runtime_needs" || : >"$root/dist/no-packages"
fi

cd "$root"
if [ -h node_modules ]; then
  # Another checkout's: `npm ci` empties the folder that the link leads to.
  [ -f node_modules/.package-lock.json ] || fail 'node_modules is a link to a folder without packages: install them there.'
elif [ ! -f node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  # Debian's package of Node comes without it.
  command -v npm >/dev/null || install_packages npm:npm || fail 'npm is missing, which comes with Node from https://nodejs.org/en/download'
  say 'installing the Node packages of package-lock.json'
  log=$(mktemp)
  npm ci --no-audit --no-fund --loglevel=error >"$log" 2>&1 || {
    cat "$log" >&2
    fail 'npm ci failed.'
  }
  rm -f "$log"
  # npm keeps the lock file's old time where nothing changed: the comparison above must hold from now on.
  touch node_modules/.package-lock.json
  rm -f dist/cambium.cjs
fi

if [ ! -f dist/cambium.cjs ] || [ ! -f dist/sources.sh ] ||
  [ -n "$(find src scripts/bundle.mjs -newer dist/cambium.cjs -print -quit)" ]; then
  [ -f dist/cambium.cjs ] || say 'making the bundle dist/cambium.cjs'
  node scripts/bundle.mjs
fi
ln -sfn "$(command -v node)" dist/node

# With sudo, what was made in a person's clone stays that person's.
if [ -n "${SUDO_UID:-}" ]; then chown -hR "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" node_modules dist; fi
