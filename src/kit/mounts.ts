/**
 * Mounts. A process that builds first enters a mount namespace of its own, so that whatever it mounts vanishes
 * with it, even after SIGKILL. Needs root.
 */
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { errnoOf } from './errors.ts';
import { checked, lastErrno, native, systemError } from './native.ts';

const unshare = native('int unshare(int flags)');
const mount = native(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const umount2 = native('int umount2(const char *target, int flags)');
const syscall = native('long syscall(long number, ...)');

const CLONE_NEWNS = 0x20000;
const MS_RDONLY = 1;
const MS_REMOUNT = 32;
const MS_BIND = 4096;
const MS_REC = 16384;
const MS_PRIVATE = 1 << 18;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;
const MNT_DETACH = 2;
const SYS_open_tree = 428;
const SYS_move_mount = 429;
const SYS_fsopen = 430;
const SYS_fsconfig = 431;
const SYS_fsmount = 432;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0x80000;
const FSOPEN_CLOEXEC = 1;
const FSMOUNT_CLOEXEC = 1;
const FSCONFIG_SET_FLAG = 0;
const FSCONFIG_SET_STRING = 1;
const FSCONFIG_CMD_CREATE = 6;
const MOUNT_ATTR_RDONLY = 1;
const MOVE_MOUNT_F_EMPTY_PATH = 4;
const AT_FDCWD = -100;
const O_PATH = 0x200000;

let isPrivate = false;

/**
 * Puts this process into a mount namespace of its own; mounts and unmounts of the host still arrive (slave).
 * Must run on the main thread before anything that starts Node's thread pool, whose threads keep the namespace
 * in which they were made. Does nothing the second time.
 */
export function enterPrivateMounts(): void {
  if (isPrivate) return;
  checked(unshare(CLONE_NEWNS), 'unshare');
  checked(mount('none', '/', null, MS_REC | MS_SLAVE, null), 'mount', '/');
  // What we mount arrives in namespaces that our children made before, and only there.
  checked(mount('none', '/', null, MS_REC | MS_SHARED, null), 'mount', '/');
  isPrivate = true;
}

export function bindMount(source: string, at: string, options: { readonly?: boolean } = {}): void {
  checked(mount(source, at, null, MS_BIND | MS_REC, null), 'mount', at);
  if (options.readonly) {
    checked(mount(source, at, null, MS_BIND | MS_REMOUNT | MS_RDONLY, null), 'mount', at);
  }
}

/** Shows a folder at `at` without what is, or will be, mounted below it. */
export function bindBare(source: string, at: string): void {
  checked(mount(source, at, null, MS_BIND, null), 'mount', at);
  checked(mount('none', at, null, MS_PRIVATE, null), 'mount', at);
}

/** `options` as mount(8) takes them, such as `mode=755,size=1m`. */
export function mountTmpfs(at: string, options = 'mode=755'): void {
  checked(mount('cambium', at, 'tmpfs', 0, options), 'mount', at);
}

/** The file system in which the kernel is told of interpreters of program formats. */
export function mountBinfmt(at: string): void {
  checked(mount('cambium', at, 'binfmt_misc', 0, null), 'mount', at);
}

/**
 * Opens a folder as a mount of its own that is nowhere in the tree of mounts (open_tree(2)): names of files that are opened below
 * it tell nothing of where they are. Close it.
 */
export function openDetached(folder: string): number {
  return checked(
    Number(
      syscall(
        SYS_open_tree,
        'int',
        AT_FDCWD,
        'const char *',
        folder,
        'unsigned int',
        OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC,
      ),
    ),
    'open_tree',
    folder,
  );
}

/** Detaches the mount at `at` now, even when it is busy. Nothing mounted there is not an error. */
export function unmount(at: string): void {
  if (umount2(at, MNT_DETACH) < 0) {
    const code = lastErrno();
    if (code !== 'EINVAL' && code !== 'ENOENT') throw systemError('umount2', at, code);
  }
}

/** Detaches all that is mounted at or below `dir`, the newest first, so that what is below can be removed safely. */
export function unmountBelow(dir: string): void {
  for (const at of mountsBelow(dir).reverse()) unmount(at);
}

/** Where something is mounted at or below `dir`, in order of mounting. */
export function mountsBelow(dir: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, code) =>
        String.fromCharCode(Number.parseInt(code, 8)),
      ),
    )
    .filter((at) => at === dir || at.startsWith(`${dir}/`));
}

export interface OverlayRequest {
  /** Host folders, top first. */
  lowers: readonly string[];
  /** Folders for a writable overlay: where changes go, and the kernel's work folder beside it. */
  upper?: { dir: string; work: string };
  at: string;
}

/**
 * Mounts an overlay through the new mount API, whose `lowerdir+` takes one folder at a time (Linux 6.5 and newer):
 * no limit of one page for all options. Older kernels get mount(2). `volatile` leaves out syncs: a workspace that
 * did not end well is thrown away anyhow.
 */
export function mountOverlay(request: OverlayRequest): void {
  const fd = checked(
    Number(syscall(SYS_fsopen, 'const char *', 'overlay', 'unsigned int', FSOPEN_CLOEXEC)),
    'fsopen',
  );
  try {
    if (!configureOverlay(fd, request)) {
      mountOverlayOld(request);
      return;
    }
    const mountFd = checked(
      Number(
        syscall(
          SYS_fsmount,
          'int',
          fd,
          'unsigned int',
          FSMOUNT_CLOEXEC,
          'unsigned int',
          request.upper ? 0 : MOUNT_ATTR_RDONLY,
        ),
      ),
      'fsmount',
    );
    try {
      const moved = syscall(
        SYS_move_mount,
        'int',
        mountFd,
        'const char *',
        '',
        'int',
        AT_FDCWD,
        'const char *',
        request.at,
        'unsigned int',
        MOVE_MOUNT_F_EMPTY_PATH,
      );
      checked(Number(moved), 'move_mount', request.at);
    } finally {
      closeSync(mountFd);
    }
  } finally {
    closeSync(fd);
  }
}

/** False where the kernel doesn't know `lowerdir+`. */
function configureOverlay(fd: number, { lowers, upper, at }: OverlayRequest): boolean {
  const set = (key: string, value: string | null, command = FSCONFIG_SET_STRING) =>
    Number(
      syscall(
        SYS_fsconfig,
        'int',
        fd,
        'unsigned int',
        command,
        'const char *',
        key,
        'const char *',
        value,
        'int',
        0,
      ),
    );
  checked(set('source', 'cambium'), 'fsconfig');
  // The kernel looks a folder up when it is set: its name may be that of the next one then.
  const setFolder = (key: string, folder: string) =>
    withNames([folder], ([name]) => checked(set(key, name as string), 'fsconfig', folder));
  for (const [index, lower] of lowers.entries()) {
    try {
      setFolder('lowerdir+', lower);
    } catch (error) {
      if (index === 0 && errnoOf(error) === 'EINVAL') return false;
      throw error;
    }
  }
  if (upper) {
    setFolder('upperdir', upper.dir);
    setFolder('workdir', upper.work);
    checked(set('volatile', null, FSCONFIG_SET_FLAG), 'fsconfig');
  }
  for (const option of ['redirect_dir', 'index', 'metacopy']) checked(set(option, 'off'), 'fsconfig', option);
  const created = syscall(
    SYS_fsconfig,
    'int',
    fd,
    'unsigned int',
    FSCONFIG_CMD_CREATE,
    'const char *',
    null,
    'const char *',
    null,
    'int',
    0,
  );
  checked(Number(created), 'fsconfig', at);
  return true;
}

function mountOverlayOld({ lowers, upper, at }: OverlayRequest): void {
  withNames([...lowers, ...(upper ? [upper.dir, upper.work] : [])], (names) => {
    const below = names.slice(0, lowers.length);
    const options = [`lowerdir=${below.join(':')}`, 'redirect_dir=off', 'index=off', 'metacopy=off'];
    const [dir, work] = names.slice(lowers.length);
    if (upper) options.push(`upperdir=${dir}`, `workdir=${work}`, 'volatile');
    checked(mount('cambium', at, 'overlay', upper ? 0 : MS_RDONLY, options.join(',')), 'mount', at);
  });
}

/**
 * Calls `body` with names of folders that hold as long as it runs, and tell nothing of where they are: whoever sees an
 * overlay's mount reads its folders' names in /proc/mounts, as they were given.
 */
function withNames<T>(folders: readonly string[], body: (names: readonly string[]) => T): T {
  const fds: number[] = [];
  try {
    for (const folder of folders) fds.push(openSync(folder, O_PATH | constants.O_DIRECTORY));
    return body(fds.map((fd) => `/proc/self/fd/${fd}`));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}
