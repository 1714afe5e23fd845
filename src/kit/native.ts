/**
 * The C library, bound when it is first called: a build with nothing to do needs none of it. Only this folder's modules use
 * these bindings.
 */
import { existsSync, fstatSync } from 'node:fs';
import { createRequire } from 'node:module';
import type koffiModule from 'koffi';

type Koffi = typeof koffiModule;
type NativeFunction = (...args: unknown[]) => number;

let loaded: { koffi: Koffi; libc: ReturnType<Koffi['load']> } | undefined;

function load() {
  if (loaded === undefined) {
    const koffi = loadKoffi();
    loaded = { koffi, libc: koffi.load(null) };
    endAtOnce(loaded.libc.func('void _exit(int)') as unknown as NativeFunction);
  }
  return loaded;
}

/** Of the bundle: folders in which packages are looked for. */
declare const bundle: { paths: readonly string[] } | undefined;

/**
 * When a process ends, koffi waits until its standard output and error are on the disk (fsync(2)), with all that was written
 * before: on a busy disk that is longer than a whole build. So the process ends by _exit(2), after all that listens to its end, unless
 * Node has something to give back first: the modes of terminals, pipes and sockets.
 */
function endAtOnce(exit: NativeFunction): void {
  const ending = process as unknown as { reallyExit(code?: number): never };
  const usual = ending.reallyExit.bind(process);
  ending.reallyExit = (code) => {
    if ([0, 1, 2].every(isLeftAlone)) exit(code ?? 0);
    return usual(code);
  };
}

/** The number of /dev/null. */
const nullDevice = 0x103;

function isLeftAlone(fd: number): boolean {
  try {
    const stats = fstatSync(fd);
    return stats.isFile() || stats.rdev === nullDevice;
  } catch {
    return false;
  }
}

/**
 * The binary by itself, which has all that we use: its package's own way to it reads the program of this process for the C
 * library's kind, and takes 7 ms instead of 1. That way stays for the kinds of machines where it is another binary.
 */
function loadKoffi(): Koffi {
  const { platform, arch } = process;
  const name = `@koromix/koffi-${platform}-${arch}/${platform}_${arch}/koffi.node`;
  try {
    return loadFrom(typeof bundle === 'undefined' ? [] : bundle.paths, name);
  } catch {
    const require = createRequire(import.meta.url);
    try {
      return require(name) as Koffi;
    } catch {
      return require('koffi') as Koffi;
    }
  }
}

/** For Node to find it takes longer than to load it. */
function loadFrom(folders: readonly string[], name: string): Koffi {
  const path = folders.map((folder) => `${folder}/${name}`).find((file) => existsSync(file));
  if (path === undefined) throw new Error(`${name} is in none of the folders`);
  const module = { exports: {} };
  process.dlopen(module, path);
  return module.exports as Koffi;
}

/** A function of the C library by its C prototype, bound at its first call. */
export function native(prototype: string): NativeFunction {
  let bound: NativeFunction | undefined;
  return (...args) => {
    bound ??= load().libc.func(prototype) as unknown as NativeFunction;
    return bound(...args);
  };
}

/** The same, bound now: for calls by the thousand, for which the way round costs as much as the call itself. */
export function nativeNow(prototype: string): NativeFunction {
  return load().libc.func(prototype) as unknown as NativeFunction;
}

/** Where a buffer lies in memory, for parameters of the type `uintptr_t`; it must be kept while calls use it. */
export function addressOf(buffer: Uint8Array | Uint32Array): number {
  return Number(load().koffi.address(buffer));
}

/** Name of the last system error in this thread (`ENOENT`). */
export function lastErrno(): string {
  const { koffi } = load();
  const number = koffi.errno();
  const names = koffi.os.errno as Record<string, number>;
  return Object.keys(names).find((name) => names[name] === number) ?? `errno ${number}`;
}

/** The error of a failed system call, in the shape of Node's own (`code`, `syscall`, `path`). */
export function systemError(
  syscall: string,
  path?: string,
  code: string = lastErrno(),
): NodeJS.ErrnoException {
  const error: NodeJS.ErrnoException = new Error(
    `${code}: ${syscall}${path === undefined ? '' : ` '${path}'`}`,
  );
  error.code = code;
  error.syscall = syscall;
  if (path !== undefined) error.path = path;
  return error;
}

/** Throws the last error when `result` is negative, else gives it back. */
export function checked(result: number, syscall: string, path?: string): number {
  if (result < 0) throw systemError(syscall, path);
  return Number(result);
}

/** A path as the C library takes it: bytes with a final NUL. */
export function cPath(path: string | Buffer): string | Buffer {
  return typeof path === 'string' ? path : Buffer.concat([path, Buffer.of(0)]);
}
