# Commands in the image, cleaning up, downloads.

# run_in_chroot FOLDER SCRIPT: runs a Bash script with FOLDER as its root folder, in mount and PID namespaces of its
# own, with /dev and /proc, a clean environment, and without starting services. Gives back the script's exit code,
# and leaves nothing of all that in FOLDER, whatever the script does.
run_in_chroot() {
  local root=$1 script=$2 status=0 made
  made=$(prepare_chroot "$root")
  unshare --mount --pid --fork --kill-child bash -eu -s -- "$root" "$script" <<'INSIDE' || status=$?
root=$1
mkdir -p "$root/dev" "$root/proc"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc" 2>/dev/null || mount --bind /proc "$root/proc"
# Names are looked up as the builder does it; the image's own file stays as it is.
if [[ -f /etc/resolv.conf && -f $root/etc/resolv.conf && ! -L $root/etc/resolv.conf ]]; then
  mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
fi
exec chroot "$root" /usr/bin/env -i \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
  http_proxy="${http_proxy:-}" https_proxy="${https_proxy:-}" no_proxy="${no_proxy:-}" \
  bash -e -c "$2" </dev/null
INSIDE
  restore_chroot "$root" "$made"
  return "$status"
}

# Makes what a run in the image needs and an image need not have, and says what it made, for restore_chroot:
# policy-rc.d, which packages ask before they start a service (101 forbids it), and a place for resolv.conf.
prepare_chroot() {
  local root=$1
  if [[ -d $root/usr/sbin && ! -e $root/usr/sbin/policy-rc.d && ! -L $root/usr/sbin/policy-rc.d ]]; then
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    echo /usr/sbin/policy-rc.d
  fi
  if [[ -d $root/etc && ! -e $root/etc/resolv.conf && ! -L $root/etc/resolv.conf ]]; then
    : >"$root/etc/resolv.conf"
    echo /etc/resolv.conf
  fi
}

# Removes what prepare_chroot made; a resolv.conf that the run wrote to the image meanwhile stays.
restore_chroot() {
  local file
  while read -r file; do
    case $file in
      /etc/resolv.conf) [[ -L $1$file || -s $1$file ]] || rm -f "$1$file" ;;
      /*) rm -f "$1$file" ;;
    esac
  done <<<"$2"
}

# disable PATH, enable PATH: put a program aside for /bin/true, and back.
disable() {
  [[ -e $1 ]] || return 0
  mv "$1" "$1.back"
  ln -s /bin/true "$1"
}

enable() {
  if [[ -L $1 && -e $1.back ]]; then
    mv "$1.back" "$1"
  else
    rm -f "$1.back"
  fi
}

declare -a on_exit_items=()

# add_on_exit COMMAND: runs it when the script ends, however it ends; the last added first.
add_on_exit() {
  if ((${#on_exit_items[@]} == 0)); then
    trap on_exit EXIT
  fi
  on_exit_items=("$*" "${on_exit_items[@]}")
}

# Devices are busy for a moment after their last use: so each command gets ten tries.
on_exit() {
  local status=$? item try
  for item in "${on_exit_items[@]}"; do
    for try in 0 1 2 3 4 5 6 7 8 9; do
      sleep "$try"
      if eval "$item"; then
        break
      fi
    done
  done
  return "$status"
}

# curl_five_times FILE URL
curl_five_times() {
  local try
  for try in 1 2 3 4 5; do
    if curl --fail --location --output "$1" "$2"; then
      return 0
    fi
  done
  echo "$2 could not be downloaded to $1" >&2
  exit 1
}

is_x86_64() {
  [[ $(uname -m) == x86_64 ]]
}
