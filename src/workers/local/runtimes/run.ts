/** One isolated run of a command in a root filesystem, by a runtime that the caller chose. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants, totalmem } from 'node:os';
import { performance } from 'node:perf_hooks';
import { outside } from '../../../kit/errors.ts';
import { settledOrAborted } from '../../../kit/wait.ts';
import { allMounts, prepareAll } from './all-mounts.ts';
import { readUsage, removeCgroup, removeCgroupFolders } from './cgroups.ts';
import { ociConfig } from './config.ts';
import { mayBeRuntimes, startFailure } from './failures.ts';
import { filterShortcut, rememberFilter } from './filters.ts';
import { type Launch, launch, stateOf } from './launch.ts';
import { type NatNetwork, openNat } from './network.ts';
import { type OutputReader, readOutput, relayErrors } from './output.ts';
import { makeCgroups, type OwnCgroups } from './own-cgroups.ts';
import { findProgram, leavesCgroups } from './programs.ts';
import { seccompOf } from './seccomp.ts';
import { stopOn } from './stop.ts';
import type { RunOutcome, RunRequest, RunResult } from './types.ts';
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
  let starter = request.stdio === 'pipe' ? request.starters?.take() : undefined;
  try {
    if (request.network === 'nat') nat = await openNat(request.dir, request.ports);
    const init = request.init ? findInit() : undefined;
    const cgroups = leavesCgroups(runtime)
      ? makeCgroups(starter?.entered?.id ?? request.id, request.limits)
      : undefined;
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
    const running = execute(request, runtime, { hasInit: init !== undefined, cgroups, starter });
    starter = undefined;
    const result = await running;
    if (seccomp && cgroups) rememberFilter(runtime, seccomp, copy);
    return result;
  } finally {
    try {
      starter?.drop();
      nat?.close();
      undoMountpoints();
    } finally {
      if (own === undefined) await removeCgroup(request.id);
      else await removeCgroupFolders(own.folders);
    }
  }
}

/** Without a filter a stage with the right to mount would reach all of the host. */
export function filterOf({ security }: Pick<RunRequest, 'security'>): object | undefined {
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

/** Starts the runtime, waits for the first of: its end, the time-out, a cancellation. */
async function execute(
  request: RunRequest,
  runtime: string,
  facts: Pick<Launch, 'hasInit' | 'cgroups' | 'starter'>,
): Promise<RunResult> {
  const bundle = request.dir;
  const { id, stdio } = request;
  const program = request.starters?.sealed(runtime) ?? runtime;
  const { child, ended, goOn, send, kill, inside } = launch({
    runtime: program,
    bundle,
    id,
    stdio,
    waits: request.ready !== undefined,
    ...facts,
  });
  if (request.isFollowed) request.starters?.prepare({ entersCgroups: facts.cgroups !== undefined });
  const output = listen(child, request);
  request.onLaunch?.(send, inside);

  if (request.ready) await settledOrAborted(request.ready, request.signal);
  if (request.ready && !request.signal?.aborted) goOn();
  const started = performance.now();
  const stop = stopOn(request, kill);
  const { exitCode } = await ended;
  await stop.over();
  const stopped = stop.why();

  const wallMs = Math.round(performance.now() - started);
  const { oomKills, ...used } = readUsage(facts.cgroups?.id ?? id);
  const usage = { wallMs, ...used };
  const failure =
    exitCode === 0 || stopped ? undefined : startFailure(bundle, request.argv, output?.held() ?? '');
  output?.finish({ discardHeld: failure !== undefined });
  if (stopped === 'timeout') return { outcome: 'timeout', timeoutMs: request.timeoutMs ?? 0, usage };
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

export function outOfMemory(request: Pick<RunRequest, 'limits'>, peakBytes?: number): RunOutcome {
  const limitBytes = request.limits.memoryBytes ?? totalmem();
  // Kernels before 5.19 don't tell the peak on version 2; a kill means that the limit was reached.
  return { outcome: 'out-of-memory', limitBytes, peakBytes: peakBytes ?? limitBytes };
}

/** Runtimes and shells tell a death by signal as 128 and its number. */
export function outcomeOf(exitCode: number): RunOutcome {
  const name = Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return exitCode > 128 && name !== undefined
    ? { outcome: 'signal', signal: name }
    : { outcome: 'exit', exitCode };
}
