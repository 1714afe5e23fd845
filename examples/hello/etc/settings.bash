# Settings of the hello image. `--set name=value` wins over them.

# Where packages come from, and which release of Debian.
mirror=http://deb.debian.org/debian
suite=bookworm

# What the service says, and where it listens.
greeting='Hello from Cambium!'
port=8080

# Tools to look around in a running container: yes or no.
debug=no
