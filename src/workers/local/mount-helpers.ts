/**
 * Helpers of mount(8) for stages that manage a chroot. They may not mount a fresh proc or sysfs, which would be the host's,
 * open for writing (runtimes/seccomp-builder.ts); mount(8) asks for a program `mount.TYPE` first, and those here show
 * the run's own file system of that kind instead. A tmpfs becomes a folder that is thrown away.
 */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { inTree } from './in-tree.ts';

const sources = { proc: '/proc', sysfs: '/sys', devpts: '/dev/pts', devtmpfs: '/dev', mqueue: '/dev/mqueue' };

function showing(source: string): string {
  return `#!/bin/sh\nexec mount --bind ${source} "$2"\n`;
}

/** Called as mount.tmpfs SOURCE TARGET -o OPTIONS. */
const emptyFolder = `#!/bin/sh
target=$2
while [ $# -gt 0 ] && [ "$1" != -o ]; do shift; done
mode=1777 owner=0 group=0
for option in $(echo "$2" | tr , ' '); do
  case $option in
    mode=*) mode=\${option#mode=} ;;
    uid=*) owner=\${option#uid=} ;;
    gid=*) group=\${option#gid=} ;;
  esac
done
folder=$(mktemp -d /var/tmp/tmpfs.XXXXXX) && chmod "$mode" "$folder" && chown "$owner:$group" "$folder" || exit 32
exec mount --bind "$folder" "$target"
`;

/** Puts the helpers where mount(8) looks for them in the builder root at `rootfs`, which is thrown away after the run. */
export function putMountHelpers(rootfs: string): void {
  let folder: string;
  try {
    folder = inTree(rootfs, '/sbin', 'the folder of mount helpers');
  } catch {
    // Then there is no mount(8) that would ask for them.
    return;
  }
  const put = (type: string, script: string) => {
    const file = `${folder}/mount.${type}`;
    rmSync(file, { force: true, recursive: true });
    writeFileSync(file, script, { flag: 'wx' });
    chmodSync(file, 0o755);
  };
  for (const [type, source] of Object.entries(sources)) put(type, showing(source));
  for (const type of ['tmpfs', 'ramfs']) put(type, emptyFolder);
}
