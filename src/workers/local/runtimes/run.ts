/** One isolated run of a command in a root filesystem, by a runtime that the caller chose. */
import type { ChildProcess } from 'node:child_process';
import { lstatSync, statSync, writeFileSync } from 'node:fs';
import { constants, totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { outside, wrongUse } from '../../../kit/errors.ts';
import { readUsage, removeCgroup, removeCgroupFolders } from './cgroups.ts';
import { ociConfig } from './config.ts';
import { mayBeRuntimes, startFailure } from './failures.ts';
import { filterShortcut, rememberFilter } from './filters.ts';
import { type Launch, launch, stateOf } from './launch.ts';
import { type MountTarget, prepareMountpoints, systemTargets } from './mountpoints.ts';
import { type NatNetwork, openNat, writeNetworkFiles } from './network.ts';
import { type OutputReader, readOutput, relayErrors } from './output.ts';
import { makeCgroups, type OwnCgroups } from './own-cgroups.ts';
import { findProgram, leavesCgroups } from './programs.ts';
import { seccompOf } from './seccomp.ts';
import type { RunMount, RunOutcome, RunRequest, RunResult } from './types.ts';
import { lookUpUser } from './users.ts';

/**
 * Runs a command and resolves when all its processes are gone, its cgroup is removed and the rootfs holds
 * nothing that the run needed only for itself. Throws `UserError` for an unknown user, a bad mount target, or a
 * machine that can't run containers; what the command itself did is told by the outcome.
 */
export async function runWith(runtime: string, request: RunRequest): Promise<RunResult> {
  if (request.signal?.aborted) return { outcome: 'cancelled', usage: { wallMs: 0 } };
  const identity = lookUpUser(request.rootfs, request.user, request.groups);
  const mounts = allMounts(request);
  const undoMountpoints = prepareAll(request.rootfs, mounts);
  let nat: NatNetwork | undefined;
  let own: OwnCgroups | undefined;
  try {
    if (request.network === 'nat') nat = await openNat(request.dir, request.ports);
    const init = request.init ? findInit() : undefined;
    const cgroups = leavesCgroups(runtime) ? makeCgroups(request.id, request.limits) : undefined;
    own = cgroups;
    const seccomp = filterOf(request);
    const copy = `${request.dir}/filter`;
    const shortcut =
      seccomp && cgroups
        ? filterShortcut(runtime, seccomp, { state: stateOf(request.dir, request.id), copy })
        : {};
    const found = {
      ...(nat && { netns: nat.path }),
      ...(init !== undefined && { init }),
      ...(cgroups && { cgroups }),
    };
    const config = ociConfig({ request, identity, mounts, seccomp, shortcut, ...found });
    writeFileSync(`${request.dir}/config.json`, JSON.stringify(config), { mode: 0o600 });
    const result = await execute(request, runtime, {
      hasInit: init !== undefined,
      ...(cgroups && { cgroups }),
    });
    if (seccomp && cgroups) rememberFilter(runtime, seccomp, copy);
    return result;
  } finally {
    try {
      nat?.close();
      undoMountpoints();
    } finally {
      if (own === undefined) await removeCgroup(request.id);
      else await removeCgroupFolders(own.folders);
    }
  }
}

/** Without a filter a stage with the right to mount would reach all of the host. */
function filterOf({ security }: RunRequest): object | undefined {
  const seccomp = seccompOf(security);
  if (seccomp !== undefined || security !== 'builder') return seccomp;
  throw outside(
    'no-filter',
    `Stages with an apply.sh can't be confined on machines of the kind ${process.arch}.`,
    {
      hint: 'Use inside.sh, which needs no right to mount.',
    },
  );
}

/** An init that needs nothing of the image: Docker's, by its own name or as Docker installs it. */
function findInit(): string | undefined {
  return findProgram('tini-static') ?? findProgram('docker-init');
}

/** Node's timers fire at once beyond this: 24 days. */
const maxTimerMs = 2 ** 31 - 1;

/** Starts the runtime, waits for the first of: its end, the time-out, a cancellation. */
async function execute(
  request: RunRequest,
  runtime: string,
  facts: Pick<Launch, 'hasInit' | 'cgroups'>,
): Promise<RunResult> {
  const started = performance.now();
  const bundle = request.dir;
  const { id, stdio } = request;
  const program = request.starters?.sealed(runtime) ?? runtime;
  const starter = stdio === 'pipe' ? request.starters?.take() : undefined;
  const { child, ended, send, kill, inside } = launch({
    runtime: program,
    bundle,
    id,
    stdio,
    starter,
    ...facts,
  });
  if (request.isFollowed) request.starters?.prepare(facts.cgroups?.hidden);
  const output = listen(child, request);
  request.onLaunch?.(send, inside);

  let stopped: 'timeout' | 'cancelled' | undefined;
  let killed: Promise<void> | undefined;
  const stop = (why: 'timeout' | 'cancelled') => {
    stopped ??= why;
    killed ??= kill();
  };
  const onAbort = () => stop('cancelled');
  request.signal?.addEventListener('abort', onAbort, { once: true });
  if (request.signal?.aborted) onAbort();
  const { timeoutMs } = request;
  const timer =
    timeoutMs === undefined ? undefined : setTimeout(() => stop('timeout'), Math.min(timeoutMs, maxTimerMs));
  const { exitCode } = await ended;
  clearTimeout(timer);
  request.signal?.removeEventListener('abort', onAbort);
  await killed;

  const wallMs = Math.round(performance.now() - started);
  const { oomKills, ...used } = readUsage(request.id);
  const usage = { wallMs, ...used };
  const failure =
    exitCode === 0 || stopped ? undefined : startFailure(bundle, request.argv, output?.held() ?? '');
  output?.finish({ discardHeld: failure !== undefined });
  if (stopped === 'timeout') return { outcome: 'timeout', timeoutMs: timeoutMs ?? 0, usage };
  if (stopped === 'cancelled') return { outcome: 'cancelled', usage };
  if (failure?.kind === 'broken') throw failure.error;
  if (failure?.kind === 'not-found')
    return { outcome: 'not-found', message: failure.message, exitCode: failure.exitCode, usage };
  if (failure?.kind === 'out-of-memory')
    return { ...outOfMemory(request, failure.neededBytes ?? used.peakMemoryBytes), usage };
  if (exitCode !== 0 && oomKills > 0) return { ...outOfMemory(request, used.peakMemoryBytes), usage };
  return { ...outcomeOf(exitCode), usage };
}

function listen({ stdout, stderr }: ChildProcess, { onOutput, dir }: RunRequest): OutputReader | undefined {
  // Neither is there when the process could not be made.
  if (!stderr) return undefined;
  const isOwn = (text: string) => mayBeRuntimes(dir, text);
  return stdout
    ? readOutput({ stdout, stderr }, onOutput ?? (() => {}), isOwn)
    : relayErrors(stderr, (chunk) => process.stderr.write(chunk), isOwn);
}

function outOfMemory(request: RunRequest, peakBytes?: number): RunOutcome {
  const limitBytes = request.limits.memoryBytes ?? totalmem();
  // Kernels before 5.19 don't tell the peak on version 2; a kill means that the limit was reached.
  return { outcome: 'out-of-memory', limitBytes, peakBytes: peakBytes ?? limitBytes };
}

/** Runtimes and shells tell a death by signal as 128 and its number. */
function outcomeOf(exitCode: number): RunOutcome {
  const name = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return exitCode > 128 && name !== undefined
    ? { outcome: 'signal', signal: name }
    : { outcome: 'exit', exitCode };
}

/** The request's mounts, outer ones first, and then the network's files where no mount of the request stands. */
function allMounts(request: RunRequest): RunMount[] {
  const depth = (mount: RunMount) => mount.target.split('/').filter(Boolean).length;
  const own = [...request.mounts].sort((a, b) => depth(a) - depth(b));
  const taken = new Set(own.map(({ target }) => target));
  return [...own, ...writeNetworkFiles(request).filter(({ target }) => !taken.has(target))];
}

/** Makes the mount points that are missing, in the rootfs or in the mount that covers them. */
function prepareAll(rootfs: string, mounts: readonly RunMount[]): () => void {
  const byRoot = new Map<string, MountTarget[]>([
    [rootfs, systemTargets.map((path) => ({ path, kind: 'folder' as const }))],
  ]);
  for (const mount of mounts) {
    const place = placeOf(mount, mounts);
    if (place === undefined) continue;
    const root = place.root ?? rootfs;
    byRoot.set(root, [...(byRoot.get(root) ?? []), { path: place.path, ...targetOf(mount) }]);
  }
  const undos: (() => void)[] = [];
  const undo = () => {
    for (const each of undos.splice(0).reverse()) each();
  };
  try {
    for (const [root, targets] of byRoot) undos.push(prepareMountpoints(root, targets));
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}

/**
 * Where a mount's target is to be made: below the source of the bind mount that covers it, or in the rootfs
 * (no `root`); undefined where the runtime makes it in a fresh tmpfs.
 */
function placeOf(mount: RunMount, all: readonly RunMount[]): { root?: string; path: string } | undefined {
  const isBelow = (target: string) => mount.target.startsWith(`${target.replace(/\/+$/, '')}/`);
  if (systemTargets.some(isBelow)) return undefined;
  const cover = all.filter((other) => other !== mount && isBelow(other.target)).at(-1);
  if (cover === undefined) return { path: mount.target };
  if (cover.type === 'tmpfs') return undefined;
  const path = mount.target.slice(cover.target.replace(/\/+$/, '').length);
  if (!cover.readonly) return { root: cover.source, path };
  if (lstatSync(cover.source + path, { throwIfNoEntry: false }) !== undefined) return undefined;
  throw wrongUse(
    'bad-mount-target',
    `Nothing can be mounted at ${mount.target}: ${cover.target} is read-only.`,
    {
      hint: 'Mount it elsewhere.',
    },
  );
}

/** A runtime gives a tmpfs the mode of the folder that it covers. */
function targetOf(mount: RunMount): Omit<MountTarget, 'path'> {
  if (mount.type === 'bind') return { kind: statSync(mount.source).isDirectory() ? 'folder' : 'file' };
  const mode = mount.options?.findLast((option) => option.startsWith('mode='))?.slice('mode='.length);
  return { kind: 'folder', mode: mode === undefined ? 0o1777 : Number.parseInt(mode, 8) };
}
