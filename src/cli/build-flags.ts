/** The flags of `build`, and of `plan`, which takes those that decide what would run. */

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { normaliseTag } from '../images/references.ts';
import { wrongUse } from '../kit/errors.ts';
import type { Network } from '../plan/index.ts';
import type { Limits } from '../workers/local/runtimes/types.ts';
import {
  addDockerfileFlags,
  type DockerfileFlags,
  type RawDockerfileFlags,
  readDockerfileFlags,
} from './dockerfile-flags.ts';
import { mainOptions } from './help.ts';
import { standardOutput } from './io.ts';
import { type OutputFlag, outputTypes, parseOutputs } from './outputs.ts';
import { type ProgressMode, progressModes } from './progress/renderer.ts';
import { repeatable } from './repeatable.ts';
import {
  badValue,
  limitText,
  parseChoice,
  parseCount,
  parseCpus,
  parseMemory,
  parseNetwork,
  parsePairs,
  parseSourceDateEpoch,
  parseTimeout,
} from './values.ts';

/** What decides the plan and its keys. */
export interface PlanFlags {
  /** PATH or SPEC as typed, and `--file`. */
  where: string;
  file?: string;
  settingsFile?: string;
  set: Record<string, string>;
  target?: string;
  noCache: boolean;
  noCacheFilter: string[];
  network?: Network;
  dockerfile: DockerfileFlags;
  storeDir?: string;
}

export interface BuildFlags extends PlanFlags {
  tags: string[];
  labels: Record<string, string>;
  outputs: OutputFlag[];
  limits: Limits;
  jobs: number;
  timeoutMs?: number;
  progress: ProgressMode;
  quiet: boolean;
  /** Say in the end what each command used. */
  stats: boolean;
  iidFile?: string;
  metadataFile?: string;
  sourceDateEpoch?: number;
  /** A warm image may go to registries. */
  allowWarm?: boolean;
  /** Steps run in containers that stay. */
  live: boolean;
}

/** What commander gives: texts, as they were typed. */
interface RawFlags extends RawDockerfileFlags {
  file?: string;
  settings?: string;
  set: string[];
  target?: string;
  cache: boolean;
  cacheFilter: string[];
  network?: string;
  platform?: string;
  store?: string;
  tag: string[];
  label: string[];
  output: string[];
  push: boolean;
  load: boolean;
  cpus?: string;
  memory?: string;
  pids?: string;
  jobs?: string;
  timeout?: string;
  progress: string;
  quiet: boolean;
  stats: boolean;
  provenance: string;
  sbom: string;
  iidfile?: string;
  metadataFile?: string;
  live?: boolean;
}

export function storeOption(): Option {
  return new Option('--store <dir>', 'where everything is kept (CAMBIUM_STORE)').argParser((dir: string) => {
    // `--store "$UNSET"` would make a store of the folder that one is in.
    if (dir === '') throw badValue('--store', dir, 'it takes a folder');
    return dir;
  });
}

/** Adds the flags that decide what a plan is. */
export function addPlanFlags(command: Command): Command {
  command
    .option('-f, --file <file>', 'the build file, when PATH alone does not name it')
    .option('--target <stage>', 'stop at this stage')
    .option('--no-cache', 'run every step')
    .addOption(repeatable('--no-cache-filter <stage>', 'run the steps of this stage'))
    .option('--network <mode>', 'network of the steps: host, none or nat')
    .option(
      '--platform <platforms>',
      "the image's platform, or several with commas: then an index; for specs this machine's own",
    )
    .addOption(storeOption())
    .optionsGroup('For Dockerfiles:');
  return addDockerfileFlags(command)
    .optionsGroup('For specs:')
    .option('--settings <file>', 'a file with settings')
    .addOption(repeatable('--set <name=value>', 'one of the settings; wins over the file'))
    .optionsGroup(mainOptions);
}

/** Adds the flags that only a build takes. */
export function addBuildFlags(command: Command): Command {
  command
    .addOption(repeatable('-t, --tag <name[:tag]>', 'name the image'))
    .addOption(
      repeatable('-o, --output <output>', `write the image: type=T,dest=D; T is ${outputTypes.join(', ')}`),
    )
    .option('--push', 'short for -o type=registry: send the image where its names say', false)
    .option('--load', 'short for -o type=docker: into the running Docker daemon', false);
  return addPlanFlags(command)
    .addOption(repeatable('--label <name=value>', 'add a label to the image'))
    .option('--iidfile <file>', "write the image's digest to this file")
    .option('--metadata-file <file>', 'write what was built to this file, as JSON')
    .option('--progress <mode>', `how to show progress: ${progressModes.join(', ')}`, 'auto')
    .option('--stats', 'show what each command used: time, CPU, memory, disk', false)
    .option('-q, --quiet', "show only the image's digest", false)
    .option('--provenance <false>', 'as for docker; there are no attestations', 'false')
    .option('--sbom <false>', 'as for docker; there are no attestations', 'false')
    .optionsGroup('Compute:')
    .option('--cpus <count>', 'cores of each run')
    .option('--memory <size>', 'memory of each run: 512m, 2g')
    .option('--pids <count>', 'processes of each run')
    .option('--timeout <duration>', 'longest time of each run: 90s, 30m')
    .option('--jobs <count>', 'steps run at once (default: as many as there are cores)')
    .optionsGroup(mainOptions);
}

/** Adds the flag of warm rebuilds. */
export function addLiveFlag(command: Command): Command {
  return command.option(
    '--live',
    'what the steps leave running goes on until the next rebuild: daemons, watchers',
    false,
  );
}

/** Reads the plan's flags; `cwd` is where relative paths start. */
export function readPlanFlags(where: string | undefined, raw: RawFlags, cwd: string): PlanFlags {
  return {
    where: where ?? '.',
    set: parsePairs('--set', raw.set),
    noCache: !raw.cache,
    noCacheFilter: raw.cacheFilter.flatMap((names) => names.split(',')).filter((name) => name !== ''),
    dockerfile: readDockerfileFlags(raw, cwd, process.env),
    ...optional('file', given(raw.file), (file) => file),
    ...optional('settingsFile', given(raw.settings), (file) => resolve(cwd, file)),
    ...optional('target', given(raw.target), (target) => target),
    ...optional('network', raw.network, (network) => parseNetwork('--network', network)),
    ...optional('storeDir', raw.store, (dir) => resolve(cwd, dir)),
  };
}

export function readBuildFlags(
  where: string | undefined,
  raw: RawFlags,
  cwd: string,
  env: NodeJS.ProcessEnv,
): BuildFlags {
  const sourceDateEpoch = parseSourceDateEpoch(env['SOURCE_DATE_EPOCH']);
  const progress = parseChoice('--progress', raw.progress, progressModes);
  const short = [...(raw.push ? ['type=registry'] : []), ...(raw.load ? ['type=docker'] : [])];
  const outputs = parseOutputs([...raw.output, ...short], cwd);
  if (raw.tag.length === 0 && outputs.some(({ type, names }) => type === 'registry' && names.length === 0)) {
    throw wrongUse('bad-output', 'An image without a name goes to no registry.', {
      hint: 'Name it: -t registry.example/app:1',
    });
  }
  if (outputs.some(({ dest }) => dest === '-') && (raw.quiet || standardOutput.isTTY)) {
    throw wrongUse(
      'bad-output',
      raw.quiet
        ? 'An output to standard output and -q exclude each other.'
        : 'A tar is not written to a terminal.',
      { hint: 'Send it to a file: dest=image.tar' },
    );
  }
  for (const flag of ['provenance', 'sbom'] as const) {
    if (!['', '0', 'f', 'false'].includes(raw[flag].toLowerCase())) {
      throw wrongUse('no-attestations', `Cambium makes no attestations, and --${flag} asks for one.`, {
        hint: `Leave it away, or say --${flag}=false, which docker takes too.`,
      });
    }
  }
  const plan = readPlanFlags(where, raw, cwd);
  checkPlatforms(plan, outputs);
  return {
    ...plan,
    tags: readTags(raw.tag),
    labels: parsePairs('--label', raw.label, { aloneIsEmpty: true }),
    outputs,
    limits: {
      ...optional('cpus', limitText(raw.cpus), (text) => parseCpus('--cpus', text)),
      ...optional('memoryBytes', limitText(raw.memory), (text) => parseMemory('--memory', text)),
      ...optional('pids', raw.pids, (text) => parseCount('--pids', text, 0)),
    },
    jobs: raw.jobs === undefined ? availableParallelism() : parseCount('--jobs', raw.jobs),
    progress,
    quiet: raw.quiet,
    live: raw.live ?? false,
    stats: raw.stats,
    ...optional('timeoutMs', raw.timeout, (text) => parseTimeout('--timeout', text)),
    ...optional('iidFile', given(raw.iidfile), (file) => resolve(cwd, file)),
    ...optional('metadataFile', given(raw.metadataFile), (file) => resolve(cwd, file)),
    ...(sourceDateEpoch === undefined ? {} : { sourceDateEpoch }),
  };
}

/** Before anything is built: names that are none. One that is given twice counts once. */
function readTags(texts: readonly string[]): string[] {
  const tags = new Map<string, string>();
  for (const text of texts) {
    const tag = normaliseTag(text);
    if (!tags.has(tag)) tags.set(tag, text);
  }
  return [...tags.values()];
}

/** Before anything is built: outputs that have no place for several platforms. */
function checkPlatforms({ dockerfile: { platforms = [] } }: PlanFlags, outputs: readonly OutputFlag[]): void {
  const narrow = outputs.find(({ type }) => type !== 'oci' && type !== 'registry');
  if (platforms.length < 2 || narrow === undefined) return;
  throw wrongUse(
    'several-platforms',
    `An output of the type ${narrow.type} holds one platform, and --platform names ${platforms.length}.`,
    { hint: 'Write it with type=oci or registry, or build one platform at a time.' },
  );
}

/** As for docker, an empty text is what isn't given: `--iidfile "$UNSET"`. */
function given(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** `{ name: value }` where there is a text, else nothing: fields that may be absent are never undefined. */
function optional<N extends string, T>(name: N, text: string | undefined, read: (text: string) => T) {
  return (text === undefined ? {} : { [name]: read(text) }) as { [K in N]?: T };
}

export type { RawFlags };
