/** What changed of a step's inputs since an earlier build, down to the files and settings. */
import { shownName } from '../kit/names.ts';
import { joinPath } from '../kit/walk.ts';
import { type InputFacts, lastInputs } from '../store/builds.ts';
import { copiedManifest, diffTrees, type Listed } from '../store/manifests.ts';
import type { Store } from '../store/store.ts';

export interface FactChange {
  name: string;
  /** Undefined: the fact is new. */
  before: string | undefined;
  /** Undefined: the fact is gone. */
  after: string | undefined;
  /** Of a parent: the stage that it is now. */
  stage?: string;
  /** For a fact that stands for files: those that differ. */
  files?: readonly FileChange[];
}

export interface FileChange {
  /** In the image or in what the step sees; or `setting NAME`. */
  path: string;
  /** Type, mode and digest, in short; undefined: not there. */
  before: string | undefined;
  after: string | undefined;
}

/** One build among others of its build file, and how the inputs of its steps are found. */
export interface BuildInTime {
  store: Store;
  buildFile: string;
  startedMs: number;
  /** The step of this build that is filed under a key and only carries inputs. */
  inputStep: (key: string) => { slot: string; inputs: InputFacts } | undefined;
}

/** Changes of the step in `slot` since it was built last; undefined when it never was. */
export function changesSince(build: BuildInTime, slot: string, inputs: InputFacts): FactChange[] | undefined {
  const before = lastInputs(build.store, build.buildFile, slot, build.startedMs);
  return before && compareFacts(before, inputs).flatMap((change) => refine(build, change));
}

function compareFacts(before: InputFacts, after: InputFacts): FactChange[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((name) => before[name] !== after[name])
    .map((name) => ({ name, before: before[name], after: after[name] }));
}

/** A mount that shows an input step is explained by what changed in that step; a folder by its files. */
function refine(build: BuildInTime, change: FactChange): FactChange[] {
  const files = fileChanges(build.store, change);
  if (files) return [{ ...change, files }];
  const key = change.name.startsWith('mount ') ? change.after?.split(' ')[0] : undefined;
  const input = key === undefined ? undefined : build.inputStep(key);
  const inner = input && changesSince(build, input.slot, input.inputs);
  return inner && inner.length > 0 ? inner : [change];
}

function fileChanges({ db }: Store, { name, before, after }: FactChange): FileChange[] | undefined {
  const [old, now] = [before, after].map((digest) => digest && copiedManifest(db, digest));
  if (!old || !now) return undefined;
  const { dest = '', path = '' } = copiedTo(name) ?? {};
  const copied = path === '.' ? '' : path.replace(/\/$/, '');
  const folder = joined(dest.replace(/^\/|\/$/g, ''), copied);
  return [...diffTrees(db, old, now, 'content')]
    .map((difference) => ({
      path: difference.path.startsWith(settingPrefix)
        ? difference.path
        : joined(folder, difference.path) || '.',
      before: inShort(difference.before),
      after: inShort(difference.after),
    }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

const settingPrefix = 'setting ';

function joined(folder: string, path: string): string {
  return path === '' ? folder : joinPath(folder, path);
}

/** Type, mode and digest; of a setting, the digest of its value alone. */
function inShort(listed: Listed | undefined): string | undefined {
  if (listed === undefined) return undefined;
  const content = listed.digest?.slice(0, 12) ?? listed.link ?? '';
  if (listed.path.startsWith(settingPrefix)) return content;
  const mode = listed.type === 'symlink' ? [] : [listed.mode.toString(8)];
  return [listed.type, ...mode, content].join(' ').trim();
}

function copiedTo(name: string): { dest: string; path: string } | undefined {
  return /^copy \d+ to (?<dest>.*?): (?<path>.*)$/.exec(name)?.groups as
    | { dest: string; path: string }
    | undefined;
}

/** A few words for progress: why a step runs now. `changes` undefined: it was never built. */
export function reasonOf(changes: readonly FactChange[] | undefined, isForced: boolean): string {
  if (isForced) return 'asked for by --no-cache';
  if (changes === undefined) return 'it has not been built before';
  if (changes.length === 0) return 'its snapshot is not in the store any more';
  const kind = changes.find(({ name }) => name === 'kind');
  if (kind && kind.before?.split(' ')[0] !== kind.after?.split(' ')[0])
    return 'another kind of step was here';
  const parts = [...new Set(changes.flatMap(describe))].map(shownName);
  const shown = parts.slice(0, 3).join(', ');
  return parts.length > 3 ? `${shown} and ${parts.length - 3} more changed` : `${shown} changed`;
}

function describe({ name, files }: FactChange): string[] {
  if (files && files.length > 0) return files.map(({ path }) => path);
  if (name === 'parent') return ['the step before it'];
  if (name === 'command' || name === 'kind') return [`its ${name}`];
  if (name.startsWith('source: ')) return [`its ${name.slice('source: '.length)}`];
  if (name === 'format') return ['the way keys are made'];
  const copied = copiedTo(name);
  if (copied) return [copied.path === '.' ? copied.dest : copied.path];
  return name.startsWith('mount ') ? [`what it sees at ${name.slice('mount '.length)}`] : [name];
}
