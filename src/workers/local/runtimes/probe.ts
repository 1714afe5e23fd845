/** Which container runtime works on this machine, found out by a real run and remembered until the next boot. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { outside } from '../../../kit/errors.ts';
import { findProgram, identityOf, leavesCgroups } from './programs.ts';
import { runWith } from './run.ts';
import type { RunMount } from './types.ts';

export interface RuntimeProbe {
  name: string;
  path?: string;
  version?: string;
  works: boolean;
  /** Why it doesn't work, one sentence. */
  reason?: string;
}

/** The quicker one first: a run by crun takes 7 ms, by runc 30. */
const candidates = ['crun', 'runc'];
/** /run is empty after a boot, and what works may change only with a boot or an update of the program. */
const defaultMemory = '/run/cambium/chosen-runtime.json';

const chosen = new Map<string, string>();

/**
 * Path of the runtime to use. Probes at most once for each boot. Throws a `UserError` when none works. With a terminal, runc
 * comes first: crun doesn't follow a terminal whose size changes.
 */
export async function findRuntime({
  memory = defaultMemory,
  terminal = false,
}: {
  memory?: string;
  terminal?: boolean;
} = {}): Promise<string> {
  const file = terminal ? `${memory}.terminal` : memory;
  const found = chosen.get(file) ?? recall(file);
  if (found !== undefined) {
    chosen.set(file, found);
    return found;
  }
  const probes: RuntimeProbe[] = [];
  for (const name of terminal ? candidates.toReversed() : candidates) {
    const probe = await probeRuntime(name);
    probes.push(probe);
    if (!probe.works || probe.path === undefined) continue;
    chosen.set(file, probe.path);
    remember(file, probe.path);
    return probe.path;
  }
  throw outside(
    'no-runtime',
    `No container runtime works here. ${probes.map((probe) => probe.reason).join(' ')}`,
    {
      hint: 'Install crun (Debian: `apt-get install crun`); `cambium doctor` says more.',
    },
  );
}

/** Tries every runtime that we know, each with a real run. For `cambium doctor`. */
export async function probeRuntimes(): Promise<RuntimeProbe[]> {
  const probes: RuntimeProbe[] = [];
  for (const name of candidates) probes.push(await probeRuntime(name));
  return probes;
}

const call = (path: string, args: readonly string[]) => promisify(execFile)(path, args);

async function probeRuntime(name: string): Promise<RuntimeProbe> {
  const path = findProgram(name);
  if (path === undefined) return { name, works: false, reason: `${name} is not installed.` };
  const broken = (reason: string) => ({ name, path, works: false, reason });
  let version: string;
  try {
    version = (await call(path, ['--version'])).stdout.match(/version (\S+)/)?.[1] ?? '';
    const { stdout } = await call(path, ['run', '--help']);
    if (!leavesCgroups(path) && !/--keep\b/.test(stdout))
      return { ...broken(`${name} ${version} is too old: it lacks \`run --keep\`.`), version };
  } catch (error) {
    return broken(`${name} doesn't start: ${firstLine(error)}.`);
  }
  if (process.getuid?.() !== 0)
    return { ...broken(`${name} ${version} is installed; root alone can try it.`), version };
  try {
    await tryRun(path);
    return { name, path, version, works: true };
  } catch (error) {
    return { ...broken(`${name} ${version} can't run a container: ${firstLine(error)}.`), version };
  }
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]?.replace(/\.$/, '') ?? '';
}

/** Runs `true` with the host's own programs, in a rootfs that holds nothing else. */
async function tryRun(runtime: string): Promise<void> {
  const dir = mkdtempSync(`${tmpdir()}/cambium-probe-`);
  try {
    const rootfs = `${dir}/rootfs`;
    mkdirSync(rootfs);
    mkdirSync(`${dir}/run`);
    const result = await runWith(runtime, {
      id: `probe-${randomBytes(6).toString('hex')}`,
      dir: `${dir}/run`,
      rootfs,
      argv: ['true'],
      env: {},
      cwd: '/',
      user: '',
      mounts: hostPrograms(rootfs),
      network: 'none',
      security: 'default',
      noNewPrivileges: false,
      hostname: 'probe',
      limits: { memoryBytes: 256 * 1024 * 1024, pids: 100 },
      stdio: 'pipe',
    });
    if (result.outcome === 'exit' && result.exitCode === 0) return;
    throw new Error(
      'message' in result
        ? result.message
        : `\`true\` ended by ${result.outcome}${'exitCode' in result ? ` ${result.exitCode}` : ''}`,
    );
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Mounts of the host's program folders; links such as /bin → usr/bin are made in the rootfs. */
function hostPrograms(rootfs: string): RunMount[] {
  return ['/usr', '/bin', '/lib', '/lib64', '/nix'].flatMap((path): RunMount[] => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) symlinkSync(readlinkSync(path), rootfs + path);
    return found?.isDirectory() ? [{ type: 'bind', source: path, target: path, readonly: true }] : [];
  });
}

function recall(memory: string): string | undefined {
  try {
    const { path, file } = JSON.parse(readFileSync(memory, 'utf8')) as { path: string; file: string };
    return identityOf(path) === file ? path : undefined;
  } catch {
    return undefined;
  }
}

function remember(memory: string, path: string): void {
  try {
    mkdirSync(memory.slice(0, memory.lastIndexOf('/')), { recursive: true });
    const temporary = `${memory}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify({ path, file: identityOf(path) }));
    renameSync(temporary, memory);
  } catch {
    // Then the next process probes again.
  }
}
