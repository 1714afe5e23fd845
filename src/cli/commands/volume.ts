/** `cambium volume …`: storage with a name, independent of every build. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { beginRun, type Run } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import {
  ensureVolume,
  inspectVolume,
  listVolumes,
  liveUses,
  removeVolumes,
  volumeBytes,
} from '../../volumes/index.ts';
import { storeOption } from '../build-flags.ts';
import { formatRows } from '../format.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { removeLeftovers, withStore } from '../open-store.ts';
import { formatAge, formatBytes, formatTable } from '../text.ts';

interface StoreFlag {
  store?: string;
}

export function define(): Command {
  const command = new Command('volume').description('storage with a name: sources, caches, outputs');
  const below: [Command, readonly (readonly [string, string])[]][] = [
    [
      defineList(),
      [
        ['cambium volume ls --size', 'all volumes, and how much they hold'],
        ["cambium volume ls --format '{{.Name}} {{.Kind}}'", 'for a script'],
      ],
    ],
    [defineCreate(), [['cambium volume create gocache', 'an empty volume']]],
    [defineInspect(), [['cambium volume inspect src', 'size, who uses it, when it was last used']]],
    [
      defineRemove(),
      [
        ['cambium volume rm src out', 'remove two volumes with all that they hold'],
        ['cambium volume rm -f maybe', 'no failure when there is none'],
      ],
    ],
  ];
  for (const [definition, examples] of below)
    command.addCommand(addExamples(definition.addOption(storeOption()), examples));
  return addExamples(command, [
    ['cambium volume create src', 'make one'],
    ['cambium volume ls', 'which there are'],
  ]);
}

async function inStore(flags: StoreFlag, body: (store: Store) => void | Promise<void>): Promise<void> {
  await withStore(flags.store === undefined ? undefined : resolve(flags.store), body);
}

/** Gives `body` a run for half-made things, after those of killed processes were removed. */
async function inRun(
  flags: StoreFlag,
  body: (store: Store, run: Run) => void | Promise<void>,
): Promise<void> {
  await inStore(flags, async (store) => {
    await removeLeftovers(store);
    using run = beginRun(store);
    await body(store, run);
  });
}

interface ListFlags extends StoreFlag {
  quiet: boolean;
  size: boolean;
  json: boolean;
  format?: string;
}

const listFields = ['name', 'kind', 'origin', 'createdMs', 'lastUsedMs', 'limitBytes', 'sizeBytes', 'inUse'];

function defineList(): Command {
  return new Command('ls')
    .description('list volumes')
    .option('-q, --quiet', 'names only', false)
    .option('-s, --size', 'measure what they hold', false)
    .option('--json', 'print it as JSON', false)
    .option('--format <template>', "each by a template, such as '{{.Name}}'; json: one object a line")
    .action((flags: ListFlags) => inStore(flags, (store) => list(store, flags)));
}

function list(store: Store, { quiet, size, json, format }: ListFlags): void {
  const needsSize = size || /sizebytes/i.test(format ?? '');
  const volumes = listVolumes(store).map((volume) => ({
    ...volume,
    inUse: liveUses(store, volume.name).length > 0,
    ...(needsSize && { sizeBytes: volumeBytes(store, volume.name) }),
  }));
  if (json) print(`${JSON.stringify(volumes, undefined, 2)}\n`);
  else if (format !== undefined) print(formatRows(format, volumes, listFields));
  else if (quiet) for (const { name } of volumes) print(`${name}\n`);
  else {
    const now = Date.now();
    print(
      formatTable([
        ['NAME', 'KIND', ...(size ? ['SIZE'] : []), 'CREATED', 'USED', 'FROM'],
        ...volumes.map(({ name, kind, sizeBytes, createdMs, lastUsedMs, inUse, origin }) => [
          name,
          kind,
          ...(size ? [formatBytes(sizeBytes ?? 0)] : []),
          formatAge(now - createdMs),
          inUse ? 'now' : formatAge(now - lastUsedMs),
          origin,
        ]),
      ]),
    );
  }
}

function defineCreate(): Command {
  return new Command('create')
    .description('make a volume; one that is there stays as it is')
    .argument('<name>', 'letters, digits, `_`, `.` and `-`')
    .action((name: string, flags: StoreFlag) =>
      inRun(flags, async (store, run) => {
        await ensureVolume(store, run, { name });
        print(`${name}\n`);
      }),
    );
}

function defineInspect(): Command {
  return new Command('inspect')
    .description('all facts of volumes, as JSON')
    .argument('<volumes...>', 'their names')
    .option('-f, --format <template>', "each by a template, such as '{{.Mountpoint}}'")
    .action((names: string[], flags: StoreFlag & { format?: string }) =>
      inStore(flags, (store) => {
        const facts = names.map((name) => inspectVolume(store, name));
        const rows = facts.map((fact) => ({ ...fact }));
        if (flags.format === undefined) print(`${JSON.stringify(facts, undefined, 2)}\n`);
        else print(formatRows(flags.format, rows, Object.keys(rows[0] ?? {})));
      }),
    );
}

function defineRemove(): Command {
  return new Command('rm')
    .description('remove volumes with all that they hold; refused while one is in use')
    .argument('<volumes...>', 'their names')
    .option('-f, --force', 'pass over those that are not there', false)
    .action((names: string[], flags: StoreFlag & { force: boolean }) =>
      inRun(flags, (store, run) => {
        const removed = removeVolumes(store, run, names, { ifAny: flags.force });
        for (const name of removed) print(`${name}\n`);
      }),
    );
}
