/** The files that `cambium init` writes: small projects that build as they are. */

export interface TemplateFile {
  /** Relative to the project's folder. */
  path: string;
  text: string;
  isExecutable?: boolean;
}

const configBase = `#!/usr/bin/env bash
# Checks the settings that this stage needs, and hands them on to apply.sh. All config.sh run before any stage does.
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_config.bash"

persist_value debian_release
persist_value debian_mirror
`;

const applyBase = `#!/usr/bin/env bash
# Makes the root file system, in $chroot. Runs with this machine's programs, and sees nothing else of it.
base_dir=$(readlink -nf "$(dirname "$0")/../..")
source "$base_dir/lib/prelude_apply.bash"

# The repository alone, without updates: add a line for those of your mirror.
mmdebstrap --variant=minbase "$debian_release" "$chroot" "deb $debian_mirror $debian_release main"

# What comes from the machine that it ran on, and what every runtime makes anew.
rm -rf "$chroot/etc/resolv.conf" "$chroot/etc/hostname" "$chroot"/dev/*
`;

const settings = `# Settings of this image; on the command line: cambium build --set debian_release=…
debian_release=bookworm
debian_mirror=http://deb.debian.org/debian
`;

const insideApp = `#!/bin/sh
# Runs in the image itself, with the image's own programs. What lies in assets/ is at ./assets.
set -eu

cat >/usr/local/bin/hello <<'HELLO'
#!/bin/sh
echo "Hello from $(. /etc/os-release; echo "$PRETTY_NAME")"
HELLO
chmod 755 /usr/local/bin/hello
`;

function spec(name: string): string {
  return `# What the image ${name} is made of, first to last. This is Bash: conditions, loops and functions work.
# Each stage is a folder in stages/, and runs again only when something that it can see has changed.

stage base
stage app

image cmd /usr/local/bin/hello
`;
}

/** A tree for a spec in Bash, named \`name\`. */
export function specTemplate(name: string): TemplateFile[] {
  return [
    { path: `${name}.spec`, text: spec(name) },
    {
      path: 'etc/settings.bash',
      text: settings,
    },
    { path: 'stages/base/config.sh', text: configBase, isExecutable: true },
    { path: 'stages/base/apply.sh', text: applyBase, isExecutable: true },
    { path: 'stages/app/inside.sh', text: insideApp, isExecutable: true },
  ];
}

const dockerfile = `# What \`docker build\` takes, \`cambium build\` takes too.
FROM debian:12-slim

# What changes seldom comes first: a step runs again when its inputs change, and those after it do.
RUN --mount=type=cache,target=/var/cache/apt \\
    apt-get update && apt-get install -y --no-install-recommends ca-certificates

WORKDIR /app
COPY . .
CMD ["./hello.sh"]
`;

const hello = `#!/bin/sh
echo "Hello from $(. /etc/os-release; echo "$PRETTY_NAME")"
`;

/** A Dockerfile with a program to run. */
export function dockerfileTemplate(): TemplateFile[] {
  return [
    { path: 'Dockerfile', text: dockerfile },
    { path: '.dockerignore', text: '.git\nDockerfile\n.dockerignore\n' },
    { path: 'hello.sh', text: hello, isExecutable: true },
  ];
}
