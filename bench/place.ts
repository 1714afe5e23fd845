/** Where the benchmarks run: scratch folders, the contenders' stores and daemons, and the base images in each of them. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { unmountBelow } from '../src/kit/system.ts';
import { environment, type Meter, openMeter } from './measure.ts';
import { type Buildah, openBuildah } from './peers/buildah.ts';
import { type BuildKit, startBuildKit } from './peers/buildkit.ts';
import { type Cambium, cambiumOn } from './peers/cambium.ts';
import type { Daemon } from './peers/daemon.ts';
import { buildxOf, type Docker, startDocker } from './peers/docker.ts';
import { fetchNewestDocker } from './peers/newest-docker.ts';
import type { Builder } from './types.ts';

export interface Place {
  dir: string;
  /** A mounted btrfs. */
  btrfs: string;
  program: string;
  meter: Meter;
  /** On this file system, and on btrfs. */
  cambium: Cambium;
  cambiumBtrfs: Cambium;
  dockers: Docker[];
  /** The newest one, with images in containerd's store: only that one writes OCI itself. */
  containerd: Docker | undefined;
  buildKit: BuildKit | undefined;
  /** What builds from a Dockerfile in a daemon, one after the other in each case: dockers, buildx, BuildKit. */
  builders: readonly Builder[];
  /** How the contender's name begins that is BuildKit's own client: where `buildctl` is missing, that which people have. */
  buildKitClient: 'buildctl' | 'buildx';
  buildah: Buildah | undefined;
  /** CPU time of all daemons so far, in milliseconds. */
  daemonCpuMs(): number;
  /** Keeps what was downloaded, from one run to the next. */
  cacheDir: string;
  path(...names: string[]): string;
  /** A text that was in no file before: an edit with it is never found in a cache. */
  newText(): string;
  /** Writes a file below the place's folder, and its folders. */
  write(path: string, content: string | Uint8Array, mode?: number): void;
  sh(script: string, ...args: string[]): string;
  /** Makes a tar of a root file system an image of this name, at each contender's; `isBig`: only where cases need it. */
  importBase(tar: string, name: string, isBig?: boolean): void;
  /** What ends something that a case started, also when the benchmark is stopped. */
  atEnd(end: () => void | Promise<void>): void;
  close(): Promise<void>;
}

export interface PlaceOptions {
  program: string;
  /** Which peers take part. */
  peers: ReadonlySet<string>;
  /** The folder of `buildkitd` and `buildctl`, or none if they are in PATH. */
  buildKit: string | undefined;
  /** Keeps downloaded packages. */
  cacheDir: string;
  say(text: string): void;
}

export const peerNames = ['docker', 'newest', 'containerd', 'buildx', 'buildkit', 'buildah'] as const;

export async function openPlace({
  program,
  peers,
  buildKit: buildKitPrograms,
  cacheDir,
  say,
}: PlaceOptions): Promise<Place> {
  // Not /tmp, which may be a tmpfs: there is no overlay on it, and no disk.
  const dir = mkdtempSync('/var/tmp/cambium-bench-');
  const path = (...names: string[]) => join(dir, ...names);
  const sh: Place['sh'] = (script, ...args) =>
    execFileSync('bash', ['-euo', 'pipefail', '-c', script, 'bench', ...args], {
      cwd: dir,
      encoding: 'utf8',
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  sh('truncate -s 12G btrfs.disk; mkfs.btrfs -q btrfs.disk; mkdir btrfs; mount -o loop btrfs.disk btrfs');
  const meter = openMeter(dir);
  const daemons: Daemon[] = [];
  const start = async <T extends Daemon>(
    name: (typeof peerNames)[number],
    open: () => Promise<T>,
  ): Promise<T | undefined> => {
    if (!peers.has(name)) return undefined;
    try {
      const daemon = await open();
      daemons.push(daemon);
      return daemon;
    } catch (error) {
      say(`left out: ${name}: ${error instanceof Error ? error.message : error}`);
      return undefined;
    }
  };
  const newest = () => fetchNewestDocker(join(cacheDir, 'newest-docker'));
  const dockers = [
    await start('docker', () => startDocker({ dir: path('docker') })),
    await start('newest', () => startDocker({ dir: path('docker-newest'), prefix: newest() })),
  ].filter((docker) => docker !== undefined);
  const containerd = await start('containerd', () =>
    startDocker({
      dir: path('docker-containerd'),
      prefix: newest(),
      label: 'docker newest, containerd',
      storage: 'overlayfs',
      flags: ['--feature', 'containerd-snapshotter=true'],
    }),
  );
  // Not the daemon of `docker build`: what one of the two has built, the other would find in its cache.
  const behindBuildx = await start('buildx', () =>
    startDocker({ dir: path('docker-buildx'), prefix: newest() }),
  );
  const buildKit = await start('buildkit', () =>
    startBuildKit({ dir: path('buildkit'), programs: buildKitPrograms }),
  );
  const buildah = peers.has('buildah') ? openBuildah(path('buildah')) : undefined;
  const ends: (() => void | Promise<void>)[] = [];
  let texts = 0;
  const place: Place = {
    dir,
    btrfs: path('btrfs'),
    ...{ program, meter, dockers, containerd, buildKit, buildah, cacheDir, path, sh },
    builders: [
      ...dockers,
      ...(behindBuildx ? [buildxOf(behindBuildx, newest())] : []),
      ...(buildKit ? [buildKit] : []),
    ],
    buildKitClient: buildKit === undefined && behindBuildx !== undefined ? 'buildx' : 'buildctl',
    daemonCpuMs: () => daemons.reduce((sum, daemon) => sum + daemon.cpuMs(), 0),
    cambium: cambiumOn(program, path('store'), 'cambium'),
    cambiumBtrfs: cambiumOn(program, path('btrfs/store'), 'cambium on btrfs'),
    newText() {
      texts += 1;
      return `${texts} ${dir.slice(-6)}`;
    },
    write(name, content, mode = 0o644) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), content);
      chmodSync(path(name), mode);
    },
    importBase(tar, name, isBig = false) {
      for (const { command } of isBig ? [place.cambium] : [place.cambium, place.cambiumBtrfs])
        meter.run(command('image', 'import', tar, name));
      const others = isBig ? [] : [containerd, behindBuildx].filter((docker) => docker !== undefined);
      for (const docker of [...dockers, ...others]) meter.run(docker.command('import', tar, name));
      if (buildKit !== undefined && !isBig) {
        const layout = path(`layout-${name}`);
        meter.run(place.cambium.command('image', 'export', name, '-o', `type=oci,dest=${layout}/`));
        buildKit.addBase(name, layout);
      }
      if (buildah === undefined) return;
      meter.run(buildah.command('from', '--name', 'base', 'scratch'));
      meter.run(buildah.command('add', 'base', tar, '/'));
      meter.run(buildah.command('commit', 'base', name));
      meter.run(buildah.command('rm', 'base'));
    },
    atEnd: (end) => ends.push(end),
    async close() {
      for (const end of ends.reverse()) await end();
      for (const daemon of daemons) await daemon.stop();
      unmountBelow(dir);
      sh('umount btrfs 2>/dev/null || true');
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return place;
}

/** The tar of a small system: busybox. */
export function makeBusyboxTar(place: Place): string {
  place.sh(`mkdir -p busybox/bin busybox/etc busybox/tmp busybox/root
    cp "$(command -v busybox)" busybox/bin/busybox
    for name in sh cat ls echo mkdir true sed sleep sha256sum; do ln -s busybox "busybox/bin/$name"; done
    echo 'root:x:0:0:root:/root:/bin/sh' > busybox/etc/passwd
    tar -C busybox -cf busybox.tar .`);
  return place.path('busybox.tar');
}
