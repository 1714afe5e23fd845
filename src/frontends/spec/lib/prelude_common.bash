# Where things are, for every script of a stage. $0 is the script itself.
set -e
set -u

dir=$(cd "$(dirname "$0")" && pwd)
assets_dir=$dir/assets
base_dir=$(readlink -nf "$dir/../..")
lib_dir=$base_dir/lib
skeleton_dir=$base_dir/skeleton
settings_file=$assets_dir/settings.bash
