/** `cambium volume …`: storage with a name, independent of every build. */
import { Command } from 'commander';
import type { Store } from '../../store/store.ts';
import {
  checkName,
  cloneVolume,
  createVolume,
  ensureVolume,
  inspectVolume,
  listVolumes,
  liveUses,
  parsePlace,
  removeSnapshot,
  removeVolumes,
  requireSnapshot,
  requireVolume,
  volumeBytes,
} from '../../volumes/index.ts';
import { storeOption } from '../build-flags.ts';
import { refuseBelow } from '../elsewhere.ts';
import { formatRows } from '../format.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { formatAge, formatBytes, formatTable } from '../text.ts';
import { parseSize } from '../values.ts';
import { volumeSource } from '../volume-sources.ts';
import { definitions as contentDefinitions, inRun, inStore, type StoreFlag } from './volume-content.ts';

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
    [
      defineCreate(),
      [
        ['cambium volume create gocache', 'an empty volume'],
        ['cambium volume create cache --size 2g', 'one with a limit'],
        ['cambium volume create src --from ./tree', 'with the files of a folder'],
        ['cambium volume create src --from git+https://example.com/project#main', 'a clone of a repository'],
        ['cambium volume create conf --from image:hello:latest:/etc', 'with a folder of an image'],
        ['zcat site.tar.gz | cambium volume create site --from -', 'with the files of a tar'],
      ],
    ],
    [defineInspect(), [['cambium volume inspect src', 'size, who uses it, when it was last used']]],
    [
      defineRemove(),
      [
        ['cambium volume rm src out', 'remove two volumes with all that they hold'],
        ['cambium volume rm -f maybe', 'no failure when there is none'],
        ['cambium volume rm src@monday', 'remove a snapshot'],
      ],
    ],
    ...contentDefinitions(),
  ];
  for (const [definition, examples] of below)
    command.addCommand(addExamples(definition.addOption(storeOption()), examples));
  refuseBelow(
    command,
    'prune',
    'Caches that nobody uses go by `cambium cache prune --volumes`; a volume of your own by `cambium volume rm`.',
  );
  return addExamples(command, [
    ['cambium volume create src --from ./tree', 'make one'],
    ['cambium volume ls', 'which there are'],
    ['cambium volume snapshot src before', 'keep what it holds now'],
    ['cambium volume restore src before', 'go back to that'],
    ['cambium volume export src:/bin ./bin', 'copy a folder out of it'],
  ]);
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
    .description('make a volume; without --from, one that is there stays as it is')
    .argument('<name>', 'letters, digits, `_`, `.` and `-`')
    .option(
      '--from <source>',
      'a folder, a tar or - for one on standard input, a git URL, image:NAME, a volume',
    )
    .option('--size <size>', 'the most that it may hold, in a store on btrfs: 512m, 2g')
    .action((name: string, flags: StoreFlag & { from?: string; size?: string }) =>
      inRun(flags, async (store, run, signal) => {
        checkName(name);
        const limit = flags.size === undefined ? {} : { limitBytes: parseSize('--size', flags.size) };
        if (flags.from === undefined) {
          // Whoever asks for a limit is not served by a volume that has another.
          if (flags.size === undefined) await ensureVolume(store, run, { name });
          else await createVolume(store, run, { name, ...limit });
        } else {
          const source = volumeSource(flags.from, { store, run, signal, cwd: process.cwd() });
          if (source.clone !== undefined)
            await cloneVolume(store, run, source.clone, name, { signal, ...limit });
          else await createVolume(store, run, { name, origin: source.origin, ...limit }, source.fill);
        }
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
    .argument('<volumes...>', 'their names; NAME@SNAPSHOT is one of its snapshots')
    .option('-f, --force', 'pass over those that are not there', false)
    .action((names: string[], flags: StoreFlag & { force: boolean }) =>
      inRun(flags, async (store, run) => {
        const ifAny = flags.force;
        const volumes = names.filter((name) => !name.includes('@'));
        const snapshots = names
          .filter((name) => name.includes('@'))
          .map((text) => ({ text, ...parsePlace(text) }));
        for (const { name, snapshot = '' } of ifAny ? [] : snapshots) {
          requireVolume(store, name);
          requireSnapshot(store, name, snapshot);
        }
        for (const name of removeVolumes(store, run, volumes, { ifAny })) print(`${name}\n`);
        for (const { text, name, snapshot = '' } of snapshots) {
          if (await removeSnapshot(store, run, name, snapshot, { ifAny })) print(`${text}\n`);
        }
      }),
    );
}
