/** The `cambium volume` commands that copy what volumes hold: clone, snapshot, restore, import, export. */
import { closeSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { replaceFile } from '../../images/outputs/replace.ts';
import { ExitCode, explainSystemError, wrongUse } from '../../kit/errors.ts';
import { printFile } from '../../kit/written.ts';
import { beginRun, type Run } from '../../store/runs.ts';
import type { Store } from '../../store/store.ts';
import {
  cloneVolume,
  exportTar,
  exportTo,
  importArchive,
  parsePlace,
  requireVolume,
  restoreVolume,
  snapshotVolume,
  type VolumePlace,
} from '../../volumes/index.ts';
import { print, tell } from '../io.ts';
import { removeLeftovers, withStore } from '../open-store.ts';
import { listenForInterrupts } from '../signals.ts';
import { formatBytes, plural } from '../text.ts';

export interface StoreFlag {
  store?: string;
}

export async function inStore(flags: StoreFlag, body: (store: Store) => void | Promise<void>): Promise<void> {
  await withStore(flags.store === undefined ? undefined : resolve(flags.store), body);
}

/** Gives `body` a run for half-made things, after those of killed processes were removed. Ctrl-C ends what it does. */
export async function inRun(
  flags: StoreFlag,
  body: (store: Store, run: Run, signal: AbortSignal) => void | Promise<void>,
): Promise<void> {
  await inStore(flags, async (store) => {
    const interruption = listenForInterrupts(() => tell('\nstopping: press Ctrl-C again to end at once\n'));
    try {
      await removeLeftovers(store);
      using run = beginRun(store);
      await body(store, run, interruption.signal);
    } catch (error) {
      if (!interruption.signal.aborted) throw explainSystemError(error, 'working on a volume');
      process.exitCode = ExitCode.interrupted;
    } finally {
      interruption.release();
    }
  });
}

type Definition = [Command, readonly (readonly [string, string])[]];

export function definitions(): Definition[] {
  return [
    [
      new Command('clone')
        .description('make a volume of what another one holds, or a snapshot of it')
        .argument('<from>', 'a volume, or VOLUME@SNAPSHOT')
        .argument('<name>', 'the new one')
        .action((from: string, name: string, flags: StoreFlag) =>
          inRun(flags, async (store, run, signal) => {
            await cloneVolume(store, run, wholeVolume(from), name, { signal });
            print(`${name}\n`);
          }),
        ),
      [
        ['cambium volume clone src try', 'a copy to try something in'],
        ['cambium volume clone src@monday old', 'what it held then'],
      ],
    ],
    [
      new Command('snapshot')
        .description('keep what a volume holds now, to go back to')
        .argument('<volume>', 'its name')
        .argument('[snapshot]', 'how to call it; default: the time')
        .action((name: string, given: string | undefined, flags: StoreFlag) =>
          inRun(flags, async (store, run, signal) => {
            const snapshot = given ?? new Date().toISOString().replace(/[-:]|\.\d+/g, '');
            await snapshotVolume(store, run, name, snapshot, { signal });
            print(`${snapshot}\n`);
          }),
        ),
      [['cambium volume snapshot src before', 'keep it under a name']],
    ],
    [
      new Command('restore')
        .description('make a volume hold what a snapshot of it has; what it holds now is lost')
        .argument('<volume>', 'its name')
        .argument('<snapshot>', 'see `cambium volume inspect`')
        .action((name: string, snapshot: string, flags: StoreFlag) =>
          inRun(flags, async (store, run, signal) => {
            await restoreVolume(store, run, name, snapshot, { signal });
            print(`${name}\n`);
          }),
        ),
      [['cambium volume restore src before', 'go back']],
    ],
    [
      new Command('import')
        .description('add the files of a tar (plain, gzip or zstd) to a volume, or make one of them')
        .argument('<volume>', 'its name')
        .argument('<file>', 'the tar, or - for standard input')
        .action((name: string, file: string, flags: StoreFlag) =>
          inRun(flags, async (store, run, signal) => {
            const archive = file === '-' ? process.stdin : resolve(file);
            const origin = `tar ${file === '-' ? 'standard input' : resolve(file)}`;
            await importArchive(store, run, name, archive, { signal, origin });
            print(`${name}\n`);
          }),
        ),
      [
        ['cambium volume import site site.tar.gz', 'what has the same name is replaced'],
        ['tar c . | cambium volume import src -', 'from standard input'],
      ],
    ],
    [
      new Command('export')
        .description('copy what a volume holds, or a path of it, to a folder or a tar')
        .argument('<volume[:path]>', 'VOLUME[@SNAPSHOT][:PATH]')
        .argument('[dest]', 'a folder; for a file, the file or its folder; -: as -o -')
        .option('-o, --output <file>', 'a tar, or - for one on standard output')
        .option('-a, --archive', 'keep owners, set-id bits, capabilities and devices', false)
        .action((from: string, dest: string | undefined, flags: ExportFlags) =>
          exportVolume(from, dest, flags),
        ),
      [
        ['cambium volume export src:/bin ./bin', 'the content of a folder; what is there else stays'],
        ['cambium volume export src -o src.tar', 'all of it, as a tar'],
        ['cambium volume export src@monday:/notes.txt .', 'one file, as it was'],
      ],
    ],
  ];
}

function wholeVolume(text: string): VolumePlace {
  const place = parsePlace(text);
  if (place.path === '/') return place;
  throw wrongUse('bad-volume', `A volume is cloned as a whole, without \`:${place.path}\`.`, {
    hint: `Take a part of it with \`cambium volume create NAME --from ${text}\`.`,
  });
}

interface ExportFlags extends StoreFlag {
  output?: string;
  archive: boolean;
}

async function exportVolume(from: string, to: string | undefined, flags: ExportFlags): Promise<void> {
  const { archive } = flags;
  // As `docker cp` has it.
  const [dest, output] = to === '-' && flags.output === undefined ? [undefined, '-'] : [to, flags.output];
  if ((dest === undefined) === (output === undefined)) {
    throw wrongUse('bad-dest', 'Where shall it be written? Name a folder, or a tar with -o.', {
      hint: `For example: cambium volume export ${from} ./out`,
    });
  }
  if (output === '-' && process.stdout.isTTY)
    throw wrongUse('bad-output', 'A tar is not written to a terminal.', {
      hint: 'Send it to a file: -o FILE.tar',
    });
  const place = parsePlace(from);
  await inRun(flags, async (store, run, signal) => {
    requireVolume(store, place.name);
    if (output === '-') await streamTar(store, run, place, signal);
    else if (output !== undefined)
      await replaceFile(resolve(output), (fd) => exportTar(store, run, place, fd, { signal }));
    else await exportFolder(store, run, place, dest as string, { archive, signal });
  });
}

/** A pipe can't be moved about in, so the tar is made whole first. */
async function streamTar(store: Store, run: Run, place: VolumePlace, signal: AbortSignal): Promise<void> {
  const temporary = join(run.dir, 'volume.tar');
  const fd = openSync(temporary, 'w+', 0o600);
  try {
    await exportTar(store, run, place, fd, { signal });
    await printFile(temporary);
  } finally {
    closeSync(fd);
  }
}

async function exportFolder(
  store: Store,
  run: Run,
  place: VolumePlace,
  dest: string,
  options: { archive: boolean; signal: AbortSignal },
): Promise<void> {
  // A `/` at the end says that it is to be a folder.
  const target = dest.endsWith('/') ? `${resolve(dest)}/` : resolve(dest);
  const { bytes, tamed, devices } = await exportTo(store, run, place, target, options);
  const without = [
    ...(tamed > 0 ? [`${plural(tamed, 'file')} without set-id bits or capabilities`] : []),
    ...(devices > 0 ? [`${plural(devices, 'device')} left out`] : []),
  ];
  tell(
    `wrote ${formatBytes(bytes)} to ${dest}${without.length > 0 ? `; ${without.join(', ')} (--archive keeps them)` : ''}\n`,
  );
}
