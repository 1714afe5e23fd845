#!/bin/sh
# Runs in the image itself.
set -eu

groupadd --system --gid 990 hello
useradd --system --uid 990 --gid hello --home-dir /srv/hello --shell /usr/sbin/nologin hello
