/** A build as the command line has it: flags in, progress while it lasts, files and an exit code at its end. */
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { BuildRequest, BuildResult } from '../frontends/build-request.ts';
import type { OpenProject } from '../frontends/open-project.ts';
import type { VerifyResult } from '../frontends/verify.ts';
import { ExitCode, explainSystemError, outside, UserError, wrongUse } from '../kit/errors.ts';
import { statIfThere } from '../kit/stat.ts';
import type { BuildEvent, EventSink } from '../plan/index.ts';
import type { Store } from '../store/store.ts';
import type { BuildFlags } from './build-flags.ts';
import { colorsFor, print, standardError, tell } from './io.ts';
import { withStore } from './open-store.ts';
import { plainRenderer } from './progress/plain.ts';
import { jsonRenderer, type Renderer, resolveMode, silentRenderer } from './progress/renderer.ts';
import { openProjectOf } from './project.ts';
import { formatFailure, formatSummary, storeFlagOf } from './report.ts';
import { listenForInterrupts } from './signals.ts';
import { formatVerdict } from './verdict.ts';
import { holdVolumes } from './volume-places.ts';

/** What is run: a clean build, a warm rebuild, or both, compared. */
export type BuildKind = 'build' | 'rebuild' | 'verify';

/** Builds as the flags say, shows progress, and sets the exit code. */
export async function runBuild(given: BuildFlags, kind: BuildKind): Promise<void> {
  const startedAt = Date.now();
  using held = await holdVolumes(given);
  const { flags } = held;
  using project = await openProjectOf(flags, process.cwd());
  checkResultFile('--iidfile', flags.iidFile);
  checkResultFile('--metadata-file', flags.metadataFile);
  await withStore(flags.storeDir, async (store) => {
    const { call } = flags.dockerfile;
    if (call !== 'build') {
      const { answer } = await import('./calls.ts');
      await answer(call, flags, project, store);
      return;
    }
    const run = await runnerOf(kind);
    const renderer = await chooseRenderer(flags, kind);
    const usage = flags.stats ? (await import('./stats.ts')).usageOfBuild() : undefined;
    const wanted = requestOf(flags, project, store);
    const { accountOf, formatAccount } = kind === 'rebuild' ? await import('./rebuild-account.ts') : {};
    const account = accountOf?.(wanted, startedAt);
    const { sink, last } = remembering((event) => {
      usage?.onEvent(event);
      account?.onEvent(event);
      renderer.onEvent(event);
    });
    const interruption = listenForInterrupts(() =>
      renderer.note('stopping: press Ctrl-C again to end at once'),
    );
    try {
      const result = await run({
        ...wanted,
        signal: interruption.signal,
        onEvent: sink,
      });
      const rebuilt = result.outcome === 'done' ? account?.rebuilt(result) : undefined;
      if (rebuilt) renderer.onEvent(rebuilt);
      renderer.close();
      if (result.outcome === 'done') writeResultFiles(flags, result.digest ?? '', result.imageId);
      if (result.outcome === 'failed' && flags.progress !== 'json') {
        const columns = standardError.columns ?? 80;
        tell(
          formatFailure(result.step, result.failure, storeFlagOf(flags), colorsFor(standardError), columns),
        );
      }
      const done = last();
      if (done && saysSummary(flags)) tell(formatSummary(done, colorsFor(standardError)));
      if (rebuilt && formatAccount && saysSummary(flags))
        tell(formatAccount(rebuilt, colorsFor(standardError)));
      if (usage !== undefined && flags.progress !== 'json') tell(usage.table());
      process.exitCode = exitCodes[result.outcome];
      if ('drifts' in result) {
        if (saysSummary(flags)) tell(formatVerdict(result, colorsFor(standardError)));
        if (result.drifts.length > 0) process.exitCode = ExitCode.drift;
      }
    } finally {
      renderer.close();
      interruption.release();
    }
  });
}

/** What a build is asked for by the flags. */
export function requestOf(
  flags: BuildFlags,
  { path, dockerfile }: OpenProject,
  store: Store,
): Omit<BuildRequest, 'signal' | 'onEvent'> {
  return {
    store,
    path,
    ...(dockerfile && { dockerfile, provisions: flags.dockerfile.provisions }),
    ...pick(flags, ['settingsFile', 'target', 'network', 'sourceDateEpoch', 'timeoutMs', 'allowWarm']),
    set: flags.set,
    tags: flags.tags,
    labels: flags.labels,
    outputs: flags.outputs,
    noCache: flags.noCache,
    noCacheFilter: flags.noCacheFilter,
    limits: flags.limits,
    ...(flags.live && { live: true }),
    jobs: flags.jobs,
    needDigest: flags.quiet || flags.iidFile !== undefined || flags.metadataFile !== undefined,
  };
}

/** The function that builds so. */
export async function runnerOf(
  kind: BuildKind,
): Promise<(request: BuildRequest) => Promise<BuildResult | VerifyResult>> {
  if (kind === 'verify') return (await import('../frontends/verify.ts')).verify;
  const { build, rebuild } = await import('../frontends/project.ts');
  return kind === 'build' ? build : rebuild;
}

const exitCodes = {
  done: ExitCode.done,
  failed: ExitCode.buildFailed,
  interrupted: ExitCode.interrupted,
} as const;

function saysSummary({ quiet, progress }: BuildFlags): boolean {
  return !quiet && progress !== 'json' && progress !== 'none';
}

async function chooseRenderer(flags: BuildFlags, kind: BuildKind): Promise<Renderer> {
  if (flags.quiet) return silentRenderer();
  switch (resolveMode(flags.progress, standardError, process.env)) {
    case 'none':
      return silentRenderer();
    case 'json':
      // Standard output is the events', unless the image itself goes there.
      return jsonRenderer(flags.outputs.some(({ dest }) => dest === '-') ? tell : print);
    case 'plain':
      return plainRenderer(tell);
    case 'tty': {
      const { ttyRenderer } = await import('./progress/tty.ts');
      return ttyRenderer(process.stderr, colorsFor(standardError), { saysWhy: kind === 'rebuild' });
    }
  }
}

/** The sink, and the last `build-done` that went through it. */
function remembering(sink: EventSink) {
  let done: Extract<BuildEvent, { type: 'build-done' }> | undefined;
  return {
    sink: (event: BuildEvent) => {
      if (event.type === 'build-done') done = event;
      sink(event);
    },
    last: () => done,
  };
}

/** Before anything is built: what can't be written at its end. */
export function checkResultFile(flag: string, file: string | undefined): void {
  if (file === undefined) return;
  if (statIfThere(file)?.isDirectory())
    throw wrongUse('bad-result-file', `The file ${file} of ${flag} is a folder.`);
  if (!statIfThere(dirname(file))?.isDirectory())
    throw wrongUse(
      'bad-result-file',
      `The file ${file} of ${flag} can't be written: there is no folder ${dirname(file)}.`,
    );
}

/** What -q, --iidfile and --metadata-file ask for; the fields of the metadata are those of `docker buildx build`. */
export function writeResultFiles(flags: BuildFlags, digest: string, imageId: string): void {
  const write = (file: string, text: string) => {
    try {
      writeFileSync(file, text);
    } catch (error) {
      const explained = explainSystemError(error, `writing ${file}`);
      if (explained instanceof UserError) throw explained;
      const message = `The file ${file} can't be written: ${(error as Error).message}.`;
      throw outside('bad-result-file', message, { cause: error });
    }
  };
  if (flags.iidFile !== undefined) write(flags.iidFile, digest);
  if (flags.metadataFile !== undefined) {
    const metadata = {
      'containerimage.digest': digest,
      'image.name': flags.tags.join(','),
      'cambium.image.id': imageId,
    };
    write(flags.metadataFile, `${JSON.stringify(metadata, undefined, 2)}\n`);
  }
  if (flags.quiet) print(`${digest}\n`);
}

/** The named fields that are set. */
function pick<T extends object, K extends keyof T>(from: T, names: readonly K[]): Pick<T, K> {
  const picked: Partial<T> = {};
  for (const name of names) if (from[name] !== undefined) picked[name] = from[name];
  return picked as Pick<T, K>;
}
