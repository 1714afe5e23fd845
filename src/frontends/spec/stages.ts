/** The stages that a spec called, with all that each of them sees. */
import type { SourceLocation } from '../../kit/errors.ts';
import type { Compute } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import type { SnapshotFiles } from '../request.ts';
import { findStage, type StageFolder } from '../stages/folder.ts';
import { declaredInputs, namedInputs } from '../stages/inputs.ts';
import { quotePersisted } from '../stages/persisted.ts';
import type { Evaluation } from '../stages/result.ts';
import type { FolderStage } from '../stages/types.ts';
import { declaredVolumes } from '../stages/volumes.ts';
import type { Warmth } from '../warmth.ts';

/** What is said of the stage that is called next, after so many instructions. */
export interface StageWish {
  word: 'compute' | 'warm';
  compute?: Compute;
  warm?: Warmth;
  after: number;
  location: SourceLocation;
}

export interface CallsRequest {
  tree: string;
  evaluation: Evaluation;
  extraInputs: readonly { path: string; after: number }[];
  wishes: readonly StageWish[];
  /** Files of the configure step. */
  files: SnapshotFiles;
}

/** The stages in the order of their calls; complains once about each stage that can't be run. */
export function calledStages(
  { tree, evaluation, extraInputs, wishes, files }: CallsRequest,
  complaints: Complaint[],
): FolderStage[] {
  const folders = new Map<string, StageFolder | undefined>();
  const stages: FolderStage[] = [];
  let earlier = 0;
  for (const { args, location, exported, after } of evaluation.stages) {
    const [name = ''] = args;
    // What was said since the call before is for this one.
    const own = wishes.filter((wish) => wish.after >= earlier && wish.after < after);
    const compute: Compute = Object.assign({}, ...own.map((wish) => wish.compute));
    const warm = own.findLast((wish) => wish.warm !== undefined)?.warm;
    earlier = after;
    if (args.length !== 1) {
      complaints.push({
        code: 'bad-arguments',
        message: '`stage` needs one value, the name of a stage.',
        location,
      });
      continue;
    }
    if (!folders.has(name)) {
      const found = findStage(tree, name, location);
      if ('complaint' in found) complaints.push(found.complaint);
      folders.set(name, 'folder' in found ? found.folder : undefined);
    }
    const folder = folders.get(name);
    if (folder === undefined) continue;
    stages.push({
      type: 'folder',
      name,
      location: { file: location.file, ...(location.line === undefined ? {} : { line: location.line }) },
      folder,
      inputs: inputsOf(
        tree,
        folder,
        extraInputs.filter((input) => input.after < after).map((input) => input.path),
        complaints,
      ),
      settings: persistedBy(folder, files),
      env: exported,
      volumes: declaredVolumes(folder.path, complaints),
      compute,
      ...(warm !== undefined && { warm }),
      fromConfigure: evaluation.changed.has(name),
    });
  }
  for (const { word, location } of wishes.filter((wish) => wish.after >= earlier))
    complaints.push({ code: `bad-${word}`, message: `No stage is called after this \`${word}\`.`, location });
  return stages;
}

/** All that a stage sees of the tree besides its own folder and the library. */
export function inputsOf(
  tree: string,
  folder: StageFolder,
  extra: readonly string[],
  complaints: Complaint[],
): string[] {
  const paths = [
    ...namedInputs(tree, folder.path),
    ...declaredInputs(tree, folder.path, complaints),
    ...extra,
  ];
  return [...new Set(paths)]
    .filter((path) => path !== `stages/${folder.name}` && !path.startsWith(`stages/${folder.name}/`))
    .sort();
}

/** What the stage's config.sh persisted, quoted. */
export function persistedBy(folder: StageFolder, files: SnapshotFiles): string | undefined {
  if (!folder.hasConfig) return undefined;
  const text = files(`/build/stages/${folder.name}/assets/settings.bash`);
  return text === undefined ? undefined : quotePersisted(text.toString('utf8'));
}
