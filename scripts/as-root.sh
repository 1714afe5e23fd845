#!/bin/sh
# Runs a command as root: the tests make mounts, namespaces and file systems. Without root it goes through sudo.
if [ "$(id -u)" = 0 ]; then exec "$@"; fi
exec sudo env "PATH=$PATH" "$@"
