/** The entries of an image in TypeScript → stages: folders (configured as a spec's are), commands, copies. */
import { realpathSync } from 'node:fs';
import { basename, dirname, join, posix, resolve } from 'node:path';
import { statIfThere } from '../../kit/stat.ts';
import type { Compute, Copy, Plan, Step } from '../../plan/index.ts';
import { type Complaint, throwComplaints } from '../complaints.ts';
import { readCompute } from '../compute.ts';
import type { PlanRequest, SnapshotFiles } from '../request.ts';
import { evaluationComplaints } from '../spec/errors.ts';
import { inputsOf, persistedBy } from '../spec/stages.ts';
import { configure, configureSteps, resultOf } from '../stages/configure.ts';
import { findStage, isInside, type StageFolder } from '../stages/folder.ts';
import { checkInput } from '../stages/inputs.ts';
import { appendSettings, shellQuote } from '../stages/persisted.ts';
import { type Evaluation, readEvaluation } from '../stages/result.ts';
import type { StageStep } from '../stages/types.ts';
import { declaredVolumes, volumesOf } from '../stages/volumes.ts';
import type { Warmth } from '../warmth.ts';
import type { ImageEntry, StageEntry } from './authoring.ts';

export interface ProgramRequest {
  request: PlanRequest;
  tree: string;
  /** The build file. */
  path: string;
  entries: readonly StageEntry[];
  /** Every setting that the file declared, with its value. */
  declared: ReadonlyMap<string, string>;
  /** Plans of the images that entries copy from. */
  others: ReadonlyMap<ImageEntry, Plan>;
}

type FolderEntry = Extract<StageEntry, { kind: 'stage' }>;

/** The stages, the steps of configure when there is something to configure, and the text of the settings. */
export async function programStages(
  program: ProgramRequest,
  complaints: Complaint[],
): Promise<{ stages: StageStep[]; configuring: readonly Step[]; settings: string }> {
  const { tree, entries } = program;
  const folders = new Map<string, StageFolder>();
  for (const entry of entries) {
    if (entry.kind !== 'stage' || folders.has(entry.name)) continue;
    const found = findStage(tree, entry.name, entry.location);
    if ('folder' in found) folders.set(entry.name, found.folder);
    else complaints.push(found.complaint);
  }
  complaints.push(...entries.flatMap(wrongNames));
  // Names that no Bash variable can have are settings for the build file alone.
  const settings = appendSettings(
    '',
    Object.fromEntries([...program.declared].filter(([name]) => isName(name))),
  );
  throwComplaints(complaints);
  const calls = entries.filter(
    (entry): entry is FolderEntry => entry.kind === 'stage' && folders.get(entry.name)?.hasConfig === true,
  );
  const { steps, files, evaluation } = await configureCalls(program, calls, settings, complaints);
  const stages = entries.flatMap((entry) => {
    const stage = stageOf(entry, { tree, folders, files, evaluation, others: program.others }, complaints);
    return stage === undefined ? [] : [stage];
  });
  return { stages, configuring: steps, settings };
}

function isName(name: string): boolean {
  return /^[A-Za-z_]\w*$/.test(name);
}

/** Complaints about names of settings and variables that a script could not read. */
function wrongNames({ options, location }: StageEntry): Complaint[] {
  const settings = 'settings' in options ? options.settings : undefined;
  const names = [settings, 'env' in options ? options.env : undefined].flatMap((record) =>
    Object.keys(record ?? {}),
  );
  return names
    .filter((name) => !isName(name))
    .map((name) => ({
      code: 'bad-setting',
      message: `\`${name}\` can't be the name of a variable: letters, digits and _ make one.`,
      location,
    }));
}

interface Configured {
  steps: readonly Step[];
  files: SnapshotFiles | undefined;
  evaluation: Evaluation | undefined;
}

/** Runs every config.sh, by a spec with one line a call; the settings of a stage are exported for its line alone. */
async function configureCalls(
  { request, tree, path }: ProgramRequest,
  calls: readonly FolderEntry[],
  settings: string,
  complaints: Complaint[],
): Promise<Configured> {
  if (calls.length === 0) return { steps: [], files: undefined, evaluation: undefined };
  const text = calls
    .map(({ name, options }) => {
      const exports = Object.entries(options.settings ?? {}).map(
        ([key, value]) => `export ${key}=${shellQuote(String(value))}; `,
      );
      return `(${exports.join('').replaceAll('\n', "'$'\\n''")}stage ${shellQuote(name)})\n`;
    })
    .join('');
  const spec = { path: join(tree, '.cambium.spec'), text };
  const steps = configureSteps(
    { tree, spec, settings, hostIdentity: request.hostIdentity(), noCache: request.noCache === true },
    complaints,
  );
  const files = await configure(steps, request.evaluate);
  const evaluation = readEvaluation(resultOf(files), () => path);
  for (const complaint of evaluationComplaints(evaluation)) {
    const location = calls[(complaint.location?.line ?? 0) - 1]?.location ?? { file: path };
    complaints.push({ ...complaint, location });
  }
  return { steps, files, evaluation };
}

interface Known {
  tree: string;
  folders: ReadonlyMap<string, StageFolder>;
  files: SnapshotFiles | undefined;
  evaluation: Evaluation | undefined;
  others: ReadonlyMap<ImageEntry, Plan>;
}

function stageOf(entry: StageEntry, known: Known, complaints: Complaint[]): StageStep | undefined {
  switch (entry.kind) {
    case 'stage':
      return folderStage(entry, known, complaints);
    case 'command': {
      const { name = 'command', env, cwd = '/', user = '', network = 'host' } = entry.options;
      const argv = typeof entry.run === 'string' ? ['/bin/sh', '-ec', entry.run] : entry.run;
      const volumes = volumesOf(entry.options.volumes, entry.location, complaints);
      return {
        type: 'command',
        name,
        location: entry.location,
        argv,
        env: texts(env),
        cwd,
        user,
        network,
        volumes,
        compute: computeOf(entry, complaints),
        ...warmthOf(entry, complaints),
      };
    }
    case 'copy':
      return copyStage(entry, known.tree, complaints);
    case 'copy-from':
      return copyFromStage(entry, known.others.get(entry.other) as Plan, complaints);
  }
}

function computeOf(
  { options, location }: FolderEntry | Extract<StageEntry, { kind: 'command' }>,
  complaints: Complaint[],
): Compute {
  const said = Object.entries(options.compute ?? {}).filter(([, value]) => value !== undefined);
  const read = readCompute(said.map(([name, value]) => [name, String(value)]));
  if ('compute' in read) return read.compute;
  const { wrong: message, hint } = read;
  complaints.push({ code: 'bad-compute', message, ...(hint && { hint }), location });
  return {};
}

function warmthOf(
  { options, location }: FolderEntry | Extract<StageEntry, { kind: 'command' }>,
  complaints: Complaint[],
): { warm?: Warmth } {
  // What a person wrote, whom no compiler may have told of its type.
  const warm: unknown = options.warm;
  if (warm === undefined) return {};
  if (warm === 'off' || warm === 'on' || warm === 'safe') return { warm };
  const command = typeof warm === 'object' && warm !== null && 'command' in warm ? warm.command : undefined;
  const words = Array.isArray(command) ? (command as unknown[]) : [command];
  if (words.length > 0 && words.every((word) => typeof word === 'string' && word !== ''))
    return { warm: { command: command as string | string[] } };
  complaints.push({
    code: 'bad-warm',
    message: "`warm` takes 'off', 'on', 'safe' or { command: … }.",
    location,
  });
  return {};
}

function folderStage(
  entry: FolderEntry,
  { tree, folders, files, evaluation }: Known,
  complaints: Complaint[],
): StageStep | undefined {
  const { name, options, location } = entry;
  const folder = folders.get(name);
  if (folder === undefined) return undefined;
  const extra = (options.inputs ?? []).flatMap((input) => {
    const checked = checkInput(tree, input, location);
    if ('path' in checked) return [checked.path];
    complaints.push(checked.complaint);
    return [];
  });
  const persisted = files === undefined ? undefined : persistedBy(folder, files);
  const settings =
    options.settings === undefined ? persisted : appendSettings(persisted ?? '', texts(options.settings));
  return {
    type: 'folder',
    name,
    location,
    folder,
    inputs: inputsOf(tree, folder, extra, complaints),
    settings,
    env: texts(options.env),
    volumes: [
      ...declaredVolumes(folder.path, complaints),
      ...volumesOf(options.volumes, location, complaints),
    ],
    compute: computeOf(entry, complaints),
    ...warmthOf(entry, complaints),
    fromConfigure: evaluation?.changed.has(name) === true,
  };
}

function copyStage(
  { from, to, options, location }: Extract<StageEntry, { kind: 'copy' }>,
  tree: string,
  complaints: Complaint[],
): StageStep | undefined {
  const { name = 'copy', owner, mode, ignore } = options;
  const path = resolve(tree, from);
  const stats = statIfThere(path);
  const complain = (code: string, message: string) => {
    complaints.push({ code, message, location });
    return undefined;
  };
  if (!to.startsWith('/'))
    return complain('bad-path', `A copy needs an absolute path in the image, not ${to}.`);
  if (stats === undefined) return complain('missing-input', `${path} doesn't exist.`);
  if (!isInside(realpathSync.native(tree), realpathSync.native(path))) {
    return complain('path-leaves-folder', `The copied ${from} leaves the folder ${tree}.`);
  }
  const copy: Copy = stats.isDirectory()
    ? {
        from: { type: 'folder', path, ...(ignore === undefined ? {} : { ignore }) },
        paths: ['.'],
        dest: to.endsWith('/') ? to : `${to}/`,
      }
    : { from: { type: 'folder', path: dirname(path) }, paths: [basename(path)], dest: to };
  const attributes = { ...(owner === undefined ? {} : { owner }), ...(mode === undefined ? {} : { mode }) };
  return { type: 'copy', name, location, from, copy: { ...copy, ...attributes } };
}

function copyFromStage(
  { path, to, options, location }: Extract<StageEntry, { kind: 'copy-from' }>,
  other: Plan,
  complaints: Complaint[],
): StageStep | undefined {
  const { name = 'copy', owner, mode } = options;
  if (!to.startsWith('/') || !path.startsWith('/')) {
    const wrong = to.startsWith('/') ? path : to;
    complaints.push({
      code: 'bad-path',
      message: `A copy between images needs absolute paths, not ${wrong}.`,
      location,
    });
    return undefined;
  }
  const attributes = { ...(owner === undefined ? {} : { owner }), ...(mode === undefined ? {} : { mode }) };
  const copy: Copy = {
    from: { type: 'step', step: other.result },
    paths: [posix.join(other.image.root, path)],
    dest: to,
  };
  return { type: 'copy', name, location, from: path, copy: { ...copy, ...attributes } };
}

function texts(
  record: Readonly<Record<string, string | number | boolean>> | undefined,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record ?? {}).map(([name, value]) => [name, String(value)]));
}
