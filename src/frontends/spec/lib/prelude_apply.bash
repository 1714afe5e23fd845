# For apply.sh: the stage's settings, the root folder of the image in $chroot, package management. $1 is the work folder.
source "${BASH_SOURCE[0]%/*}/prelude_common.bash"
source "${BASH_SOURCE[0]%/*}/helpers.sh"

work=$1
chroot=${chroot:=$work/chroot}
mkdir -p "$work" "$chroot"

if [[ -f $settings_file ]]; then
  source "$settings_file"
fi

if [[ -f $chroot/etc/lsb-release ]]; then
  source "$chroot/etc/lsb-release"
else
  export DISTRIB_CODENAME=no-distrib-codename
fi

# pkg_mgr ARGUMENTS: apt-get in the image, with fresh lists, without questions and recommended packages.
pkg_mgr() {
  run_in_chroot "$chroot" "apt-get update"
  run_in_chroot "$chroot" "DEBIAN_FRONTEND=noninteractive apt-get -f -y --no-install-recommends $*"
  run_in_chroot "$chroot" "apt-get clean"
}

apt_get() {
  pkg_mgr "$@"
}

# pkg_exists NAME: whether the image's package lists know the package.
pkg_exists() {
  run_in_chroot "$chroot" "apt-get update"
  run_in_chroot "$chroot" "apt-cache show $1 >/dev/null 2>&1"
}
