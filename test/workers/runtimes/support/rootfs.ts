/** A small root filesystem (busybox and accounts) and runs in it, for tests. */
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { hierarchies } from '../../../../src/workers/local/runtimes/cgroups.ts';
import {
  type RunRequest,
  type RunResult,
  runContainer,
} from '../../../../src/workers/local/runtimes/index.ts';

export interface Box {
  dir: string;
  rootfs: string;
  /** Fields of a request that fits this rootfs. */
  request(argv: readonly string[], rest?: Partial<RunRequest>): RunRequest;
  run(argv: readonly string[], rest?: Partial<RunRequest>): Promise<Ran>;
  sh(script: string, rest?: Partial<RunRequest>): Promise<Ran>;
  [Symbol.dispose](): void;
}

export interface Ran {
  result: RunResult;
  stdout: string;
  stderr: string;
}

const applets =
  `sh true false cat ls id env pwd sleep kill mount umount hostname yes head dd touch ln rm mkdir mknod stat readlink
   ps grep sed wc test nc wget ifconfig ip route chroot unshare sha256sum sort echo printf chmod chown awk seq cut tr tty stty`
    .trim()
    .split(/\s+/);

/** Needs /bin/busybox, statically linked (Debian: busybox-static). */
export function makeBox(): Box {
  const dir = mkdtempSync(`${tmpdir()}/cambium-runtimes-`);
  const rootfs = `${dir}/rootfs`;
  for (const path of ['', '/bin', '/etc', '/tmp', '/home']) mkdirSync(rootfs + path);
  copyFileSync('/bin/busybox', `${rootfs}/bin/busybox`);
  for (const name of applets) symlinkSync('busybox', `${rootfs}/bin/${name}`);
  writeFileSync(
    `${rootfs}/etc/passwd`,
    'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:App:/home/app:/bin/sh\nbroken line\n',
  );
  writeFileSync(
    `${rootfs}/etc/group`,
    'root:x:0:\napp:x:1001:\nvideo:x:44:app,other\naudio:x:29:app\nwheel:x:10:root\n',
  );

  const request: Box['request'] = (argv, rest = {}) => {
    const runDir = mkdtempSync(`${dir}/run-`);
    return {
      id: newId(),
      dir: runDir,
      rootfs,
      argv,
      env: {},
      cwd: '/',
      user: '',
      mounts: [],
      network: 'none',
      security: 'default',
      noNewPrivileges: false,
      hostname: 'box',
      limits: {},
      stdio: 'pipe',
      ...rest,
    };
  };
  const run: Box['run'] = async (argv, rest) => {
    const text = { stdout: '', stderr: '' };
    const result = await runContainer({
      ...request(argv, rest),
      onOutput: (stream, piece) => {
        text[stream] += piece;
      },
    });
    return { result, ...text };
  };
  return {
    dir,
    rootfs,
    request,
    run,
    sh: (script, rest) => run(['sh', '-c', script], rest),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

export function newId(): string {
  return `test-${randomBytes(6).toString('hex')}`;
}

/** Processes of this machine whose command line holds `text`. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) return [];
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(text) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}

/** Hierarchies in which a run of this id still has a cgroup. */
export function cgroupsOf(id: string): string[] {
  return hierarchies()
    .map(({ mount }) => `${mount}/cambium`)
    .filter((folder) => {
      try {
        return readdirSync(folder).some((name) => name.startsWith(id));
      } catch {
        return false;
      }
    });
}
