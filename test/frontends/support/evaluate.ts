/**
 * Carries out plans for the tests of frontends: plain folders as snapshots, unshare and chroot as isolation. It has no
 * cache and knows only what frontends use; the command line's own tests cover the local worker.
 */
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Copy, Plan, RunOp, Step } from '../../../src/plan/index.ts';

export interface Built {
  /** Host folder of a step's snapshot. */
  dirOf: (step: string) => string;
  read: (path: string) => Buffer | undefined;
  output: string;
}

/** Builds every step of `plan` in folders below `scratch`. */
export function buildPlan(plan: Plan, scratch: string): Built {
  const dirs = new Map<string, string>();
  const dirOf = (step: string) => {
    const dir = dirs.get(step);
    if (dir === undefined) throw new Error(`no step ${step} before its use`);
    return dir;
  };
  let output = '';
  for (const [index, step] of plan.steps.entries()) {
    const dir = join(scratch, `${index}-${dirs.size}`);
    mkdirSync(scratch, { recursive: true });
    if (step.base === undefined) mkdirSync(dir);
    else execFileSync('cp', ['-a', dirOf(step.base), dir]);
    dirs.set(step.id, dir);
    output += carryOut(step, dir, dirOf);
  }
  const result = dirOf(plan.result);
  const read = (path: string) =>
    existsSync(join(result, path)) ? readFileSync(join(result, path)) : undefined;
  return { dirOf, read, output };
}

function carryOut(step: Step, dir: string, dirOf: (step: string) => string): string {
  switch (step.op.type) {
    case 'link':
      throw new Error('no spec has such a step');
    case 'copy':
      for (const copy of step.op.copies) copyInto(copy, dir, dirOf);
      return '';
    case 'run':
      return run(step.op, dir, dirOf);
    case 'source':
      if (step.op.source.type !== 'folder') throw new Error('only folders here');
      execFileSync('cp', ['-a', `${step.op.source.path}/.`, dir]);
      return '';
  }
}

function copyInto({ from, paths, dest }: Copy, dir: string, dirOf: (step: string) => string): void {
  const target = join(dir, dest);
  if (from.type === 'inline') {
    for (const file of from.files) {
      const path = join(target, file.path);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, file.data, { mode: file.mode });
    }
    return;
  }
  const root = from.type === 'step' ? dirOf(from.step) : from.path;
  const patterns = from.type === 'folder' ? (from.ignore ?? []) : [];
  for (const path of paths) {
    const source = join(root, path);
    if (lstatSync(source).isDirectory()) {
      mkdirSync(target, { recursive: true });
      for (const name of readdirSync(source))
        copyTree(join(source, name), join(target, name), root, patterns);
    } else {
      const to = dest.endsWith('/') ? join(target, basename(path)) : target;
      mkdirSync(dirname(to), { recursive: true });
      execFileSync('cp', ['-a', source, to]);
    }
  }
}

function copyTree(source: string, target: string, root: string, patterns: readonly string[]): void {
  const ignored = (path: string) => {
    const name = path.slice(root.length + 1);
    const named = patterns.includes(name) || (patterns.includes('*') && !name.includes('/'));
    return named && !patterns.includes(`!${name}`);
  };
  if (patterns.length === 0) {
    mkdirSync(dirname(target), { recursive: true });
    execFileSync('cp', ['-aT', source, target]);
    return;
  }
  cpSync(source, target, {
    recursive: true,
    verbatimSymlinks: true,
    preserveTimestamps: true,
    filter: (path) => !ignored(path),
  });
}

/** $1: the snapshot, $2: '' for a builder or else the root in it, $3: an empty folder; pairs of mounts; `--`; the command. */
const isolate = `
set -e
dir=$1 inside=$2 root=$3
shift 3
if [ "$inside" ]; then
  mount --bind "$dir$inside" "$root"
else
  mount -t tmpfs tmpfs "$root"
  mkdir -p "$root/usr" "$root/etc" "$root/work" "$root/tmp" "$root/root" "$root/proc" "$root/dev" "$root/sys" "$root/build" "$root/var/tmp"
  chmod 1777 "$root/tmp"
  cp -a /bin /sbin /lib* "$root/"
  mount --rbind /usr "$root/usr"
  mount --rbind /etc "$root/etc"
  mount --bind "$dir" "$root/work"
fi
mkdir -p "$root/proc" "$root/dev"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ -d "$root/sys" ]; then mount --rbind /sys "$root/sys"; fi
while [ "$1" != -- ]; do
  mkdir -p "$root$2"
  mount --bind "$1" "$root$2"
  mount -o remount,bind,ro "$root$2"
  shift 2
done
shift
exec "$@"
`;

function run(op: RunOp, dir: string, dirOf: (step: string) => string): string {
  const inside = op.root.type === 'snapshot' ? op.root.path : '';
  const mounts = op.mounts.flatMap((mount) =>
    mount.type === 'step' ? [join(dirOf(mount.step), mount.path), mount.target] : [],
  );
  const env = Object.entries(op.env).map(([name, value]) => `${name}=${value}`);
  const root = mkdtempSync(join(tmpdir(), 'cambium-root-'));
  // An image may lack `env`: then the clean environment comes from outside.
  const command = inside
    ? ['/usr/bin/env', '-i', ...env, '/usr/sbin/chroot', root, ...op.argv]
    : ['/usr/sbin/chroot', root, '/usr/bin/env', '-i', '-C', op.cwd, ...env, ...op.argv];
  const namespaces = ['-m', '-p', '-f', '-i', '-u', '--kill-child'];
  const args = [...namespaces, 'bash', '-c', isolate, 'run', dir, inside, root, ...mounts, '--', ...command];
  try {
    return execFileSync('unshare', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 1 << 26,
    });
  } finally {
    rmdirSync(root);
  }
}
