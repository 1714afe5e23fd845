#!/usr/bin/env bash
set -e
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_config.bash"

persist_value greeting
[[ $port =~ ^[0-9]+$ ]] && ((port > 1023 && port < 65536)) || fail "port must be between 1024 and 65535, not $port"
