/**
 * The builder root `host`: a root folder for stages that use the host's own programs. It shows /usr and /etc as
 * overlays whose changes are thrown away, and beside them empty folders; nothing else of the host. What is
 * shown is covered by `hostIdentity` (host-identity.ts), and what that doesn't cover is hidden here.
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { totalmem } from 'node:os';
import { bindMount, makeNode, mountOverlay, mountTmpfs, setXattr, unmount } from '../../kit/system.ts';
import { hiddenOfEtc } from './host-identity.ts';
import { putMountHelpers } from './mount-helpers.ts';

export interface HostBuilder {
  /** Host path to use as a run's rootfs. */
  rootfs: string;
  /** Ends the mounts; what was written to /tmp is left in the folder, for the caller to remove with it. */
  unmount(): void;
}

/**
 * Mounts a fresh builder root in the folder `dir` (existing, empty). What stages put there in bulk lies in the folder `disk`, which may be
 * the same. Only for processes in a private mount namespace.
 */
export function mountHostBuilder(dir: string, disk = dir): HostBuilder {
  const base = `${dir}/builder`;
  const rootfs = `${base}/root`;
  const mounted: string[] = [];
  const unmountAll = () => {
    for (const at of mounted.splice(0).reverse()) unmount(at);
  };
  const overlay = (name: string, prepare: (upper: string) => void) => {
    const [upper, work, at] = [`${base}/${name}-upper`, `${base}/${name}-work`, `${rootfs}/${name}`];
    // The overlay's top folder has the attributes of the upper one.
    mkdirLike(`/${name}`, upper);
    mkdirSync(work);
    mkdirSync(at);
    prepare(upper);
    mountOverlay({ lowers: [`/${name}`], upper: { dir: upper, work }, at });
    mounted.push(at);
  };
  try {
    // In memory: making seventy folders takes 20 ms on a disk.
    mkdirSync(base);
    mountTmpfs(base, `mode=755,size=${scratchBytes()}`);
    mounted.push(base);
    makeSkeleton(rootfs);
    for (const [name, mode] of onDisk) {
      const folder = `${disk}/${name.replaceAll('/', '-')}`;
      mkdirSync(folder);
      chmodSync(folder, mode);
      bindMount(folder, `${rootfs}/${name}`);
      mounted.push(`${rootfs}/${name}`);
    }
    overlay('usr', hideLocal);
    overlay('etc', prepareEtc);
    for (const name of programFolders) {
      const found = lstatSync(`/${name}`, { throwIfNoEntry: false });
      if (found?.isSymbolicLink()) symlinkSync(readlinkSync(`/${name}`), `${rootfs}/${name}`);
      else if (found?.isDirectory()) overlay(name, () => {});
    }
    putMountHelpers(rootfs);
  } catch (error) {
    unmountAll();
    throw error;
  }
  return { rootfs, unmount: unmountAll };
}

/** Most that a stage may write to its builder beside what lies on the disk: it counts as memory of the stage. */
function scratchBytes(): number {
  return Math.min(2 * 1024 ** 3, Math.floor(totalmem() / 4));
}

/** Where stages put much: not in memory. */
const onDisk: readonly (readonly [string, number])[] = [
  ['tmp', 0o1777],
  ['root', 0o700],
  ['var/tmp', 0o1777],
];

/** Links into /usr on today's systems, folders of their own on older ones. */
const programFolders = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

function mkdirLike(model: string, path: string): void {
  mkdirSync(path);
  chmodSync(path, lstatSync(model).mode & 0o7777);
}

/** Programs in /usr/local belong to no package, so no identity covers them. */
function hideLocal(upper: string): void {
  mkdirSync(`${upper}/local`);
  setXattr(`${upper}/local`, 'trusted.overlay.opaque', Buffer.from('y'));
  for (const name of ['bin', 'etc', 'include', 'lib', 'sbin', 'share', 'src'])
    mkdirSync(`${upper}/local/${name}`);
}

/** Hides what only root of the host may read and what is volatile; makes sudo work for a root without a password. */
function prepareEtc(upper: string): void {
  for (const path of hiddenOfEtc()) {
    const parent = path.split('/').slice(0, -1);
    for (let depth = 1; depth <= parent.length; depth++) {
      const folder = parent.slice(0, depth).join('/');
      if (lstatSync(`${upper}/${folder}`, { throwIfNoEntry: false }) === undefined) {
        mkdirLike(`/etc/${folder}`, `${upper}/${folder}`);
      }
    }
    // How overlayfs writes that a name is gone.
    makeNode(`${upper}/${path}`, 'char', 0);
  }
  const put = (name: string, text: string, mode: number) => {
    rmSync(`${upper}/${name}`, { force: true });
    writeFileSync(`${upper}/${name}`, text, { mode });
    chmodSync(`${upper}/${name}`, mode);
  };
  put('sudoers', 'root ALL=(ALL:ALL) NOPASSWD: ALL\n', 0o440);
  put(
    'shadow',
    namesOf('/etc/passwd')
      .map((name) => `${name}:*:19000:0:99999:7:::\n`)
      .join(''),
    0o640,
  );
  put(
    'gshadow',
    namesOf('/etc/group')
      .map((name) => `${name}:*::\n`)
      .join(''),
    0o640,
  );
}

function namesOf(file: string): string[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => line.match(/^([^:#+]+):/)?.[1] ?? []);
}

const folders: readonly (readonly [string, number])[] = [
  ...['', 'boot', 'dev', 'home', 'media', 'mnt', 'opt', 'proc', 'run', 'srv', 'sys', 'var'].map(
    (path) => [path, 0o755] as const,
  ),
  ['root', 0o700],
  ['tmp', 0o1777],
  ['run/lock', 0o1777],
  ['var/tmp', 0o1777],
  ['var/backups', 0o755],
  ['var/cache', 0o755],
  ['var/cache/apt', 0o755],
  ['var/cache/apt/archives', 0o755],
  ['var/cache/apt/archives/partial', 0o700],
  ['var/cache/debconf', 0o755],
  ['var/cache/ldconfig', 0o700],
  ['var/lib', 0o755],
  ['var/lib/apt', 0o755],
  ['var/lib/apt/lists', 0o755],
  ['var/lib/apt/lists/partial', 0o700],
  ['var/lib/dpkg', 0o755],
  ['var/lib/dpkg/alternatives', 0o755],
  ['var/lib/dpkg/info', 0o755],
  ['var/lib/dpkg/parts', 0o755],
  ['var/lib/dpkg/triggers', 0o755],
  ['var/lib/dpkg/updates', 0o755],
  ['var/log', 0o755],
  ['var/log/apt', 0o755],
  ['var/mail', 0o755],
  ['var/spool', 0o755],
];

/** Folders that programs expect, empty; Debian's package tools also want their (empty) database. */
function makeSkeleton(rootfs: string): void {
  for (const [path, mode] of folders) {
    mkdirSync(`${rootfs}/${path}`);
    // mkdir is subject to the umask.
    chmodSync(`${rootfs}/${path}`, mode);
  }
  for (const name of ['status', 'available'])
    writeFileSync(`${rootfs}/var/lib/dpkg/${name}`, '', { mode: 0o644 });
  symlinkSync('/run', `${rootfs}/var/run`);
  symlinkSync('/run/lock', `${rootfs}/var/lock`);
}
