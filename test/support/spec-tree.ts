/** Small source trees of stages to build, with busybox as their system: no network, milliseconds a stage. */
import { chmodSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface SpecTree {
  dir: string;
  /** The spec file. */
  spec: string;
  write(path: string, text: string, mode?: number): void;
  remove(path: string): void;
  /** Writes the spec as a list of stages. */
  stages(...names: string[]): void;
  /** Adds a stage whose script is `script`. */
  stage(name: string, script: string, kind?: 'apply' | 'inside'): void;
}

const baseStage = `#!/bin/bash
set -e
mkdir -p "$1/chroot/bin" "$1/chroot/etc" "$1/chroot/tmp" "$1/chroot/root"
cp /bin/busybox "$1/chroot/bin/busybox"
for name in sh cat ls echo mkdir touch rm ln chmod sleep true false dd sync seq id cp mv stat; do
  ln -s busybox "$1/chroot/bin/$name"
done
echo 'root:x:0:0:root:/root:/bin/sh' > "$1/chroot/etc/passwd"
echo 'root:x:0:' > "$1/chroot/etc/group"
`;

/** A tree in `dir` with a stage \`base\` that makes a busybox system. */
export function specTree(dir: string): SpecTree {
  const write = (path: string, text: string, mode = 0o644) => {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const tree: SpecTree = {
    dir,
    spec: join(dir, 'spec/image.spec'),
    write,
    remove: (path) => rmSync(join(dir, path), { recursive: true, force: true }),
    stages: (...names) => write('spec/image.spec', names.map((name) => `stage ${name}\n`).join('')),
    stage: (name, script, kind = 'inside') =>
      write(`stages/${name}/${kind}.sh`, `#!/bin/sh\nset -e\n${script}\n`, 0o755),
  };
  write('stages/base/apply.sh', baseStage, 0o755);
  tree.stages('base');
  return tree;
}
