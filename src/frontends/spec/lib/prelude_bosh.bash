# For stages of machines that a BOSH agent runs on: its folders, and commands with its programs in the path.
bosh_app_dir=/var/vcap
bosh_dir=$bosh_app_dir/bosh

mkdir -p "$chroot$bosh_dir/log"
chown root:root "$chroot$bosh_dir"
chmod 0700 "$chroot$bosh_dir"

run_in_bosh_chroot() {
  run_in_chroot "$1" "
    export PATH=$bosh_dir/bin:\$PATH HOME=/root
    cd $bosh_dir
    $2
  "
}

# Takes setuid and setgid from every program of the image but su and sudo.
restrict_binary_setuid() {
  run_in_bosh_chroot "$chroot" "
    find / -xdev -perm /ug=s -type f ! -name su ! -name sudo ! -name sudoedit -exec chmod ug-s {} +
  "
}
