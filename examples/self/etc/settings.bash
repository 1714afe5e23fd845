# Settings of the builder image. `--set name=value` wins over them.

# Where packages come from, and which release of Debian: one whose Node is 20.19 or newer.
mirror=http://deb.debian.org/debian
suite=trixie

# Where npm comes from.
registry=https://registry.npmjs.org
