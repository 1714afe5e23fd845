/** What changed of a step's inputs since an earlier build, down to the files and settings. */
import { inflateSync } from 'node:zlib';
import { type InputFacts, lastInputs } from '../store/builds.ts';
import type { Store } from '../store/store.ts';

export interface FactChange {
  name: string;
  /** Undefined: the fact is new. */
  before: string | undefined;
  /** Undefined: the fact is gone. */
  after: string | undefined;
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

function fileChanges(store: Store, { name, before, after }: FactChange): FileChange[] | undefined {
  const old = readManifest(store, before);
  const now = readManifest(store, after);
  if (old === undefined || now === undefined) return undefined;
  const folder = copiedTo(name)?.dest.replace(/^\/|\/$/g, '') ?? '';
  const shown = (path: string) => (path.startsWith('setting ') || folder === '' ? path : `${folder}/${path}`);
  // Few of many thousand differ: only these are put in order.
  const here = Object.keys(now).filter((path) => old[path] !== now[path]);
  const gone = Object.keys(old).filter((path) => now[path] === undefined);
  return [...here, ...gone]
    .sort()
    .map((path) => ({ path: shown(path), before: old[path], after: now[path] }));
}

/** Path → type, mode and digest, as it was when a copy took it. */
function readManifest(store: Store, digest: string | undefined): Record<string, string> | undefined {
  if (!digest?.startsWith('sha256:')) return undefined;
  const row = store.db.prepare('SELECT data FROM manifests WHERE digest = ?').get(digest) as
    | { data: Uint8Array }
    | undefined;
  return row && (JSON.parse(inflateSync(row.data).toString()) as Record<string, string>);
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
  const parts = [...new Set(changes.flatMap(describe))];
  const shown = parts.slice(0, 3).join(', ');
  return parts.length > 3 ? `${shown} and ${parts.length - 3} more changed` : `${shown} changed`;
}

function describe({ name, files }: FactChange): string[] {
  if (files && files.length > 0) return files.map(({ path }) => path);
  if (name === 'parent') return ['the step before it'];
  if (name === 'command') return ['its command'];
  if (name === 'format') return ['the way keys are made'];
  const copied = copiedTo(name);
  if (copied) return [copied.path === '.' ? copied.dest : copied.path];
  return name.startsWith('mount ') ? [`what it sees at ${name.slice('mount '.length)}`] : [name];
}
