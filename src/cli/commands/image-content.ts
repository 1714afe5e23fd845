/** The `cambium image` commands that look into snapshots: inspect, history, diff, export, import. */
import { Command } from 'commander';
import { type Difference, type ImageContext, requireImage, shortName, tagsOf } from '../../images/index.ts';
import { wrongUse } from '../../kit/errors.ts';
import { shownName } from '../../kit/names.ts';
import type { Store } from '../../store/store.ts';
import type { LocalWorker } from '../../workers/local/index.ts';
import { readOnePlatform } from '../dockerfile-flags.ts';
import { colorsFor, print, standardOutput, tell } from '../io.ts';
import { outputTypes, parseOutputs } from '../outputs.ts';
import { plainRenderer } from '../progress/plain.ts';
import { listenForInterrupts } from '../signals.ts';
import { usageCells, usageHeads } from '../stats.ts';
import { cut, formatBytes, formatTable } from '../text.ts';
import { parseSourceDateEpoch } from '../values.ts';

interface Flags {
  store?: string;
  json: boolean;
}

interface ImportFlags extends Flags {
  reference?: string;
  platform?: string;
}

export type InStore = (flags: { store?: string }, body: (store: Store) => Promise<void>) => Promise<void>;
export type Definition = [Command, readonly (readonly [string, string])[]];

export function definitions(inStore: InStore): Definition[] {
  return [
    [
      new Command('inspect')
        .description('all facts of images, as JSON')
        .argument('<images...>', 'names or ids')
        .action((names: string[], flags: Flags) => inStore(flags, (store) => inspect(store, names))),
      [['cambium image inspect hello:latest', 'configuration, layers, digest']],
    ],
    [
      withJson(new Command('history').description('how an image came about, the newest first'))
        .argument('<image>', 'a name or an id')
        .option('--stats', 'show what each command used when it ran', false)
        .option('--no-trunc', 'show long commands whole')
        .action((name: string, flags: HistoryFlags) =>
          inStore(flags, (store) => history(store, name, flags)),
        ),
      [
        ['cambium image history hello:latest', 'what made each layer, and how big it is'],
        ['cambium image history --stats hello:latest', 'and the time, CPU, memory and disk that it took'],
        ['cambium image history --no-trunc hello:latest', 'long commands as they are'],
      ],
    ],
    [
      withJson(new Command('diff').description('in which paths two images differ, and how'))
        .argument('<before>', 'a name or an id')
        .argument('<after>', 'a name or an id')
        .action((before: string, after: string, flags: Flags) =>
          inStore(flags, (store) => diff(store, before, after, flags.json)),
        ),
      [['cambium image diff hello:1 hello:2', '+ added, - removed, ~ changed']],
    ],
    [
      new Command('export')
        .description('write an image to a file or folder')
        .argument('<image>', 'a name or an id')
        .requiredOption('-o, --output <output...>', `type=T,dest=D; T is ${outputTypes.join(', ')}`)
        .action((name: string, flags: Flags & { output: string[] }) =>
          inStore(flags, (store) => exportImage(store, name, flags.output)),
        ),
      [
        [
          'cambium image export hello:latest -o type=docker,dest=hello.tar',
          'for docker load and podman load',
        ],
        ['cambium image export hello:latest -o type=oci,dest=out/', 'a folder in OCI layout'],
      ],
    ],
    [
      new Command('import')
        .description(
          'read an image: of the Docker daemon or podman, an OCI layout, a tar, a root file system',
        )
        .argument(
          '<source>',
          'a file or folder, docker://NAME, docker-archive:FILE[:NAME], oci:DIR[:TAG], oci-archive:FILE[:TAG], containers-storage:NAME',
        )
        .argument('[names...]', 'what to name it; without one, as the archive does')
        .option('--reference <name>', 'which image, where there are several')
        .option('--platform <platform>', 'of an image for several platforms this one alone')
        .action((path: string, names: string[], flags: ImportFlags) =>
          inStore(flags, (store) => importInto(store, path, names, flags)),
        ),
      [
        ['cambium image import rootfs.tar base:1', 'a root file system becomes an image'],
        ['cambium image import docker://app:1', 'from the running Docker daemon; registries: image pull'],
        ['cambium image import containers-storage:localhost/app', 'from podman and buildah, by skopeo'],
      ],
    ],
  ];
}

function withJson(command: Command): Command {
  return command.option('--json', 'print it as JSON', false);
}

/** Gives `body` the store's snapshots; Ctrl-C ends what it does. */
export async function withSnapshots(
  store: Store,
  body: (context: ImageContext, worker: LocalWorker, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { createLocalWorker } = await import('../../workers/local/index.ts');
  const interruption = listenForInterrupts(() => tell('\nstopping: press Ctrl-C again to end at once\n'));
  const worker = createLocalWorker(store);
  try {
    const opened = await worker.open();
    const { snapshots, run } = opened;
    await body({ store, snapshots, run, signal: interruption.signal }, opened, interruption.signal);
  } catch (error) {
    if (!interruption.signal.aborted) throw error;
    process.exitCode = 130;
  } finally {
    worker.close();
    interruption.release();
  }
}

async function inspect(store: Store, names: readonly string[]): Promise<void> {
  const images = names.map((name) => requireImage(store.db, name));
  const { inspectAny } = await import('../../images/index.ts');
  await withSnapshots(store, async (context) => {
    const facts = [];
    for (const image of images) facts.push(await inspectAny(context, image));
    print(`${JSON.stringify(facts, undefined, 2)}\n`);
  });
}

interface HistoryFlags extends Flags {
  stats: boolean;
  trunc: boolean;
}

/** As wide as Docker shows it. */
const commandColumns = 45;

async function history(store: Store, name: string, { json: asJson, stats, trunc }: HistoryFlags) {
  const image = requireImage(store.db, name);
  const { imageHistory } = await import('../../images/index.ts');
  await withSnapshots(store, async (context) => {
    const lines = await imageHistory(context, image);
    if (asJson) print(`${JSON.stringify(lines, undefined, 2)}\n`);
    else {
      const rows = lines.map(({ created, sizeBytes, createdBy, usage }) => [
        created,
        formatBytes(sizeBytes),
        ...(stats ? usageCells(usage) : []),
        trunc ? cut(createdBy.replace(/\s+/g, ' '), commandColumns) : createdBy,
      ]);
      print(formatTable([['CREATED', 'SIZE', ...(stats ? usageHeads : []), 'BY'], ...rows]));
    }
  });
}

async function diff(store: Store, before: string, after: string, asJson: boolean): Promise<void> {
  const [left, right] = [requireImage(store.db, before), requireImage(store.db, after)];
  const { diffImages } = await import('../../images/index.ts');
  await withSnapshots(store, async (context) => {
    const differences = await diffImages(context, left, right);
    if (asJson) print(`${JSON.stringify(differences, undefined, 2)}\n`);
    else for (const difference of differences) print(differenceLine(difference));
  });
}

function differenceLine({ path: given, kind, aspects }: Difference): string {
  const path = shownName(given);
  const { green, red, yellow, dim } = colorsFor(standardOutput);
  if (kind === 'added') return `${green('+')} /${path}\n`;
  if (kind === 'removed') return `${red('-')} /${path}\n`;
  return `${yellow('~')} /${path} ${dim(aspects.join(', '))}\n`;
}

async function exportImage(store: Store, name: string, texts: readonly string[]): Promise<void> {
  const outputs = parseOutputs(texts, process.cwd());
  if (outputs.some(({ dest }) => dest === '-') && standardOutput.isTTY) {
    throw wrongUse('bad-output', 'A tar is not written to a terminal.', {
      hint: 'Send it to a file: dest=image.tar',
    });
  }
  const clampSeconds = parseSourceDateEpoch(process.env['SOURCE_DATE_EPOCH']);
  const image = requireImage(store.db, name);
  const { writeOutput } = await import('../../images/index.ts');
  const renderer = plainRenderer(tell);
  await withSnapshots(store, async (context) => {
    for (const output of outputs) {
      const options = clampSeconds === undefined ? {} : { clampSeconds };
      const names = output.type === 'registry' && output.names.length === 0 ? { names: [name] } : {};
      await writeOutput(context, image, { ...output, ...names }, { ...options, onEvent: renderer.onEvent });
    }
  });
  renderer.close();
}

async function importInto(
  store: Store,
  text: string,
  names: string[],
  { reference, platform: platformFlag }: ImportFlags,
): Promise<void> {
  const { normaliseTag } = await import('../../images/index.ts');
  const { importFrom, parseImportSource } = await import('../../images/sources/transports.ts');
  // A bad name is told before anything is read.
  const given = names.map(normaliseTag);
  const source = parseImportSource(text, process.cwd());
  const platform = platformFlag === undefined ? undefined : readOnePlatform(platformFlag);
  const { snapshotWriter } = await import('../../workers/local/execute-source.ts');
  await withSnapshots(store, async (context, worker, signal) => {
    const image = await importFrom(source, {
      context,
      writer: snapshotWriter(store, worker.snapshots, worker.run, signal),
      stage: 'import',
      onProgress: (message) => tell(`${message}\n`),
      tags: names,
      ...(reference === undefined ? {} : { reference }),
      ...(platform === undefined ? {} : { platform }),
    });
    // Other names of the same image were no part of this.
    const tags = (given.length > 0 ? given : tagsOf(store.db, image.id)).map(shortName);
    print(`${tags.length > 0 ? tags.join(' ') : image.id}\n`);
  });
}
