/** `cambium cache ls | du | prune`: what the store keeps of earlier builds, and getting rid of it. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Store } from '../../store/store.ts';
import type { PrunedVolume } from '../../volumes/index.ts';
import { storeOption } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { removeLeftovers, withStore } from '../open-store.ts';
import { formatAge, formatBytes, formatDuration, formatTable, plural, titleBeside } from '../text.ts';
import { parseDuration, parseSize } from '../values.ts';

interface ListFlags {
  json: boolean;
  store?: string;
}

interface PruneFlags extends ListFlags {
  all: boolean;
  olderThan?: string;
  keepSize?: string;
  dryRun: boolean;
  volumes: boolean;
}

export function define(): Command {
  const command = new Command('cache').description('what is kept of earlier builds, and getting rid of it');
  command.addCommand(
    addExamples(
      withListFlags(new Command('ls').description('list snapshots, the last used first')).action(
        (flags: ListFlags) => inStore(flags, list),
      ),
      [['cambium cache ls', 'which snapshots there are']],
    ),
  );
  command.addCommand(
    addExamples(
      withListFlags(new Command('du').description('what the disk is used for')).action((flags: ListFlags) =>
        inStore(flags, showUsage),
      ),
      [['cambium cache du', 'bytes of snapshots, blobs, logs']],
    ),
  );
  command.addCommand(definePrune());
  return addExamples(command, [
    ['cambium cache du', 'how much it is'],
    ['cambium cache prune --dry-run', 'what could go'],
  ]);
}

function definePrune(): Command {
  const prune = new Command('prune')
    .description(
      'remove what neither a tag nor a running build nor the last build of a build file needs; with --older-than or --keep-size: by use, sparing tags and running builds',
    )
    .option('-a, --all', 'all but what tags and running builds need', false)
    .option('--older-than <duration>', 'only what was not used for so long: 24h, 7d')
    .option('--keep-size <size>', 'remove the longest unused until it is no more than this: 10g')
    .option(
      '--volumes',
      'caches of cache mounts too, unless they are in use; those of people never go',
      false,
    )
    .option('--dry-run', 'only tell what would go', false);
  withListFlags(prune).action((flags: PruneFlags) => inStore(flags, pruneStore));
  return addExamples(prune, [
    ['cambium cache prune --dry-run', 'see what would go'],
    ['cambium cache prune --older-than 7d', 'what was not used for a week'],
    ['cambium cache prune --volumes --older-than 7d', 'caches of cache mounts too'],
    ['cambium cache prune --keep-size 20g', 'down to 20 GiB, the longest unused first'],
  ]);
}

function withListFlags(command: Command): Command {
  return command.option('--json', 'print it as JSON', false).addOption(storeOption());
}

async function inStore<F extends ListFlags>(
  flags: F,
  body: (store: Store, flags: F) => Promise<void>,
): Promise<void> {
  await withStore(flags.store === undefined ? undefined : resolve(flags.store), (store) =>
    body(store, flags),
  );
}

async function list(store: Store, { json }: ListFlags): Promise<void> {
  const { listSnapshots } = await import('../../workers/local/cache/usage.ts');
  const rows = listSnapshots(store);
  if (json) {
    print(`${JSON.stringify(rows, undefined, 2)}\n`);
    return;
  }
  const now = Date.now();
  print(
    formatTable([
      ['SNAPSHOT', 'STAGE', 'STEP', 'SIZE', 'TOOK', 'USED'],
      ...rows.map(({ id, stage, title, bytes, durationMs, lastUsedMs }) => [
        id,
        stage,
        titleBeside(stage, title),
        formatBytes(bytes),
        formatDuration(durationMs),
        formatAge(now - lastUsedMs),
      ]),
    ]),
  );
}

async function showUsage(store: Store, { json }: ListFlags): Promise<void> {
  const { usageByKind } = await import('../../workers/local/cache/usage.ts');
  const lines = usageByKind(store);
  if (json) {
    print(`${JSON.stringify(lines, undefined, 2)}\n`);
    return;
  }
  const total = lines.reduce((sum, { bytes }) => sum + bytes, 0);
  print(
    formatTable([
      ['WHAT', 'COUNT', 'SIZE'],
      ...lines.map(({ what, count, bytes }) => [what, String(count), formatBytes(bytes)]),
      ['total', '', formatBytes(total)],
    ]),
  );
}

async function pruneStore(store: Store, flags: PruneFlags): Promise<void> {
  const { olderThan, keepSize, all, dryRun } = flags;
  const policy = {
    ...(olderThan === undefined
      ? {}
      : { notUsedSinceMs: Date.now() - parseDuration('--older-than', olderThan) }),
    ...(keepSize === undefined ? {} : { keepBytes: parseSize('--keep-size', keepSize) }),
  };
  const { prune } = await import('../../workers/local/cache/prune.ts');
  if (!dryRun) await removeLeftovers(store);
  const result = {
    ...prune(store, { ...policy, all, dryRun }),
    volumes: await pruneVolumes(store, flags, policy),
  };
  if (flags.json) {
    print(`${JSON.stringify(result, undefined, 2)}\n`);
    return;
  }
  for (const { stage, title, bytes } of result.snapshots) {
    print(
      `${dryRun ? 'would remove' : 'removed'} ${stage}: ${titleBeside(stage, title)} (${formatBytes(bytes)})\n`,
    );
  }
  for (const volume of result.volumes) {
    print(
      `${dryRun ? 'would remove' : 'removed'} the volume ${volume.name} (${formatBytes(volume.bytes)})\n`,
    );
  }
  const bytes = result.volumes.reduce((sum, volume) => sum + volume.bytes, result.bytes);
  const parts = [
    plural(result.snapshots.length, 'snapshot'),
    plural(result.blobs, 'blob'),
    plural(result.failedSteps, 'failed step'),
    ...(flags.volumes ? [plural(result.volumes.length, 'cache volume')] : []),
  ];
  print(`${dryRun ? 'would free' : 'freed'} ${formatBytes(bytes)}: ${parts.join(', ')}\n`);
}

async function pruneVolumes(
  store: Store,
  { volumes, dryRun }: PruneFlags,
  { notUsedSinceMs }: { notUsedSinceMs?: number },
): Promise<PrunedVolume[]> {
  if (!volumes) return [];
  const { pruneCaches } = await import('../../volumes/index.ts');
  const { beginRun } = await import('../../store/runs.ts');
  using run = beginRun(store);
  return pruneCaches(store, run, { notUsedSinceMs, dryRun });
}
