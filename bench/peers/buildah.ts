/** buildah with a storage of its own; its runtime is runc, its isolation the default one. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { environment } from '../measure.ts';
import type { Command } from '../types.ts';

export interface Buildah {
  name: string;
  /** Flags that say where it keeps its images. */
  storage: readonly string[];
  command(...args: string[]): Command;
  build(tag: string, dir: string, ...flags: string[]): Command;
}

/** `dir` takes its storage. Throws where there is no buildah. */
export function openBuildah(dir: string): Buildah {
  const text = execFileSync('buildah', ['--version'], { encoding: 'utf8', env: environment() });
  const storage = ['--root', join(dir, 'root'), '--runroot', join(dir, 'run'), '--storage-driver', 'overlay'];
  // crun, which it takes where there is one, refuses the mixed cgroups of some machines.
  const command = (...args: string[]): Command => ({ argv: ['buildah', ...storage, ...args] });
  return {
    name: `buildah ${/version (\d+\.\d+)/.exec(text)?.[1]}`,
    storage,
    command,
    build: (tag, context, ...flags) =>
      command('build', '--runtime', 'runc', '--layers', '--network', 'host', '-t', tag, ...flags, context),
  };
}
