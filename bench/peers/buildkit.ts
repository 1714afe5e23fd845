/** BuildKit by itself: a daemon of the benchmark's own, reached by its own client. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { outputOf } from '../measure.ts';
import type { Builder, Command } from '../types.ts';
import { type Daemon, startDaemon } from './daemon.ts';

export interface BuildKit extends Builder, Daemon {
  /** `output`: what is written instead of an image in its store, as `type=T,dest=D`. */
  build(tag: string, dir: string, output?: string): Command;
  /** From now on, `FROM name` is the image in this folder, in OCI layout: its store has no names to look up. */
  addBase(name: string, layout: string): void;
}

export interface BuildKitOptions {
  /** Where its state lies; made. */
  dir: string;
  /** The folder of `buildkitd` and `buildctl`, or none if they are in PATH. */
  programs: string | undefined;
}

interface Index {
  manifests: [{ digest: string }];
}

/** Starts a daemon without a network of its own and waits until it answers. Throws when it doesn't. */
export async function startBuildKit({ dir, programs }: BuildKitOptions): Promise<BuildKit> {
  const program = (name: string) => (programs === undefined ? name : join(programs, name));
  const version = outputOf({ argv: [program('buildctl'), '--version'] });
  mkdirSync(dir, { recursive: true });
  const address = `unix://${join(dir, 'socket')}`;
  const buildctl = (...args: string[]): Command => ({
    argv: [program('buildctl'), '--addr', address, ...args],
  });
  const daemon = await startDaemon({
    dir,
    ask: () => outputOf(buildctl('debug', 'workers')),
    command(cgroup) {
      // With a file of its own it doesn't look for the machine's.
      const config = join(dir, 'buildkitd.toml');
      writeFileSync(config, `[worker.oci]\ndefaultCgroupParent = "${cgroup}"\n`);
      return {
        argv: [
          program('buildkitd'),
          ...['--config', config, '--root', join(dir, 'root'), '--addr', address],
          ...['--otel-socket-path', join(dir, 'otel.socket'), '--cdi-disabled'],
          ...['--containerd-worker=false', '--oci-worker=true', '--oci-worker-binary', 'runc'],
          ...['--oci-worker-snapshotter', 'overlayfs', '--oci-worker-net', 'host'],
        ],
      };
    },
  });
  const bases: string[] = [];
  return {
    ...daemon,
    name: `buildctl ${/v(\d+\.\d+)/.exec(version)?.[1]}`,
    addBase(name, layout) {
      const store = name.replace(':', '-');
      const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as Index;
      const source = `oci-layout://${store}@${index.manifests[0].digest}`;
      bases.push('--oci-layout', `${store}=${layout}`, '--opt', `context:${name}=${source}`);
    },
    build: (tag, dir, output = `type=image,name=${tag}`) =>
      buildctl(
        ...['build', '--frontend', 'dockerfile.v0', '--local', `context=${dir}`],
        ...['--local', `dockerfile=${dir}`, '--output', output, ...bases],
      ),
    forget: () => [buildctl('prune', '--all')],
  };
}
