/**
 * A glance: a build that has nothing to do is known by what the last one like it looked at. That one kept its plan and its keys, with all
 * that it saw of the host while it made them (`kit/looks.ts`): names, links, and the metadata of files, none of them so young that
 * it may change unseen. While all of that is the same, so are the plan and the keys. What they owe to the store (images by
 * their names, results by their keys) is asked again each time.
 */
import { type Identities, type KeyedStep, keyPlanInTurns } from '../build/keys.ts';
import { canonicalJson } from '../kit/digest.ts';
import { lstatSync, waysToLook } from '../kit/host-files.ts';
import { beginNotes, forgetSeen, recall, seesAgain, type Way } from '../kit/looks.ts';
import { expectEntries } from '../kit/read-folder.ts';
import type { Plan, SnapshotId, Source, StepId, StepKey } from '../plan/index.ts';
import type { InputFacts } from '../store/builds.ts';
import { glanceName, readGlance, writeGlance } from '../store/glances.ts';
import { touchSnapshots } from '../store/snapshots.ts';
import { wayToEtc } from '../workers/local/host-identity.ts';
import type { Worker } from '../workers/worker.ts';
import type { BuildRequest, ProjectRequest } from './build-request.ts';
import type { BaseImage, PlanRequest } from './request.ts';

type FindKeys = typeof keyPlanInTurns;
type Warning = Parameters<NonNullable<PlanRequest['onWarning']>>[0];

export interface Glance extends Disposable {
  /** The plan, where nothing changed that decides it. */
  readonly plan: Plan | undefined;
  /** What the frontend is asked, with its answers noted. */
  noted(request: PlanRequest): PlanRequest;
  /** In place of `keyPlanInTurns`: for what is built to make the plan. */
  keysOfPart: FindKeys;
  /** The same for the plan itself. */
  keys: FindKeys;
  /** The build is done: keeps what was noted, if it had nothing to do. */
  keep(): void;
}

/** Of an earlier build. */
interface Kept {
  /** As text. */
  asked: string;
  /** What was looked at, with the lengths of what was seen: all of that follows in the same order. */
  looks: [way: string, path: string, lengths: number[]][];
  images: [source: Source, image: BaseImage | null][];
  warnings: Warning[];
  plan: Plan;
  /** As text. */
  identities: string;
  steps: { key: StepKey; alias: StepKey | undefined; facts: InputFacts }[];
  /** Snapshots that the plan was made with. */
  used: SnapshotId[];
}

/** Changes when the meaning of what is kept does, beyond what the program's own file says. */
const format = 2;

const ways = new Map<string, Way<unknown>>(
  [...waysToLook, wayToEtc].map((way) => [way.name, way as Way<unknown>]),
);

/** Undefined for builds that can't be known so: what they ask may be answered otherwise while the host's files stay the same. */
export async function openGlance(
  request: BuildRequest,
  worker: Worker,
  resolveImage: NonNullable<PlanRequest['resolveImage']>,
): Promise<Glance | undefined> {
  const asked = askedOf(request);
  if (asked === undefined) return undefined;
  const { store } = request;
  const name = glanceName(asked);
  const kept = await unchanged(store, name, asked, resolveImage);
  if (kept !== undefined) return openKept(request, worker, kept);
  return openNotes(request, (head, parts) => writeGlance(store, name, { asked, ...head }, parts));
}

/** All that decides a plan besides files of the host and what the store holds, as text. */
function askedOf(request: ProjectRequest): string | undefined {
  const { store, path, settingsFile, set, target, network, dockerfile } = request;
  const { noCache, noCacheFilter = [] } = request;
  const program = typeof __filename === 'string' ? __filename : undefined;
  const isForced = noCache === true || noCacheFilter.length > 0 || dockerfile?.pull === true;
  // A program may ask anything of anybody.
  const isProgram = dockerfile === undefined && !path.endsWith('.spec');
  const isElsewhere = dockerfile !== undefined && (dockerfile.context.type !== 'folder' || dockerfile.text);
  // Forks of volumes have other names each time.
  const isOfStore = path.startsWith(`${store.dir}/`);
  if (program === undefined || isForced || isProgram || isElsewhere || isOfStore) return undefined;
  const { dev, ino, size, mtimeMs, ctimeMs } = lstatSync(program);
  const self = [format, dev, ino, size, mtimeMs, ctimeMs, process.version, process.getuid?.()];
  return canonicalJson({ self, path, settingsFile, set, target, network, dockerfile });
}

/** What was kept, if all of it looks as it did. */
async function unchanged(
  store: BuildRequest['store'],
  name: string,
  asked: string,
  resolveImage: NonNullable<PlanRequest['resolveImage']>,
): Promise<Kept | undefined> {
  const read = readGlance(store, name);
  if (read === undefined) return undefined;
  const kept = read.head as Kept;
  if (kept.asked !== asked) return undefined;
  expectEntries(read.bytes.length / bytesOfEntry);
  try {
    if (!allSeenAgain(kept.looks, read.bytes)) return undefined;
    for (const [source, image] of kept.images)
      if (canonicalJson(await resolveImage(source)) !== canonicalJson(image)) return undefined;
  } catch {
    // What keeps one from looking is told by the build.
    return undefined;
  }
  return kept;
}

/** Whether each look sees what it saw. The build that has to look by itself after all does so faster. */
function allSeenAgain(looks: Kept['looks'], bytes: Uint8Array): boolean {
  let isSame = true;
  let at = 0;
  for (const [name, path, lengths] of looks) {
    const way = ways.get(name) as Way<unknown>;
    const before = lengths.map((length) => {
      at += length;
      return bytes.subarray(at - length, at);
    });
    if (isSame) isSame = seesAgain(way, path, before);
    else recall(way, path, before);
  }
  return isSame;
}

/** About: of its metadata and its name. */
const bytesOfEntry = 80;

function openKept({ store, onEvent }: BuildRequest, worker: Worker, kept: Kept): Glance {
  for (const warning of kept.warnings) onEvent({ type: 'warning', at: Date.now(), ...warning });
  if (kept.used.length > 0) touchSnapshots(store.db, kept.used);
  return {
    plan: kept.plan,
    noted: (request) => request,
    keysOfPart: keyPlanInTurns,
    keys: async (plan, _, identities, signal) =>
      (textOf(identities) === kept.identities ? keyedAgain(kept, worker) : undefined) ??
      keyPlanInTurns(plan, worker, identities, signal),
    keep() {},
    [Symbol.dispose]: forgetSeen,
  };
}

/** The keys as they were; undefined where a result is gone, or is filed otherwise by now. */
function keyedAgain({ plan, steps }: Kept, worker: Worker): Map<StepId, KeyedStep> | undefined {
  const keyed = new Map<StepId, KeyedStep>();
  for (const [index, step] of plan.steps.entries()) {
    const { key, alias, facts } = steps[index] as Kept['steps'][number];
    const hit = (alias && worker.find(alias)) ?? worker.find(key);
    if (hit === undefined || hit.canonical !== key) return undefined;
    keyed.set(step.id, { step, key, alias, facts, hit });
  }
  return keyed;
}

function openNotes(
  { signal, dockerfile }: BuildRequest,
  write: (head: Omit<Kept, 'asked'>, parts: readonly Uint8Array[]) => void,
): Glance {
  const notes = beginNotes();
  const images: Kept['images'] = [];
  const warnings: Warning[] = [];
  const used: SnapshotId[] = [];
  let isIdle = true;
  let built: Pick<Kept, 'plan' | 'identities' | 'steps'> | undefined;
  const findKeys: FindKeys = async (...given) => {
    const keyed = await keyPlanInTurns(...given);
    for (const { hit, key } of keyed.values()) isIdle &&= hit !== undefined && hit.canonical === key;
    return keyed;
  };
  return {
    plan: undefined,
    noted: (request) => ({
      ...request,
      async resolveImage(source) {
        const image = await request.resolveImage?.(source);
        images.push([source, image ?? null]);
        return image;
      },
      onWarning(warning) {
        warnings.push(warning);
        request.onWarning?.(warning);
      },
    }),
    async keysOfPart(...given) {
      const keyed = await findKeys(...given);
      for (const { hit } of keyed.values()) if (hit) used.push(hit.snapshot);
      return keyed;
    },
    async keys(plan, worker, identities, signal) {
      const keyed = await findKeys(plan, worker, identities, signal);
      notes?.end();
      const steps = [...keyed.values()].map(({ key, alias, facts }) => ({
        key: key as StepKey,
        alias,
        facts,
      }));
      built = { plan, identities: textOf(identities), steps };
      return keyed;
    },
    keep() {
      if (notes === undefined || built === undefined || !isIdle || notes.isYoung || signal.aborted) return;
      if (holdsSecrets(built.plan) || holdsUnusedValues(dockerfile, built.plan)) return;
      const looks = notes.list.map(({ way, path, parts }): Kept['looks'][number] => [
        way,
        path,
        parts.map(({ length }) => length),
      ]);
      write(
        { looks, images, warnings, used, ...built },
        notes.list.flatMap(({ parts }) => parts),
      );
    },
    [Symbol.dispose]() {
      notes?.end();
      forgetSeen();
    },
  };
}

/** Addresses and proxies may have passwords in them, which are written nowhere. */
function holdsSecrets({ steps }: Plan): boolean {
  return steps.some(
    ({ op }) =>
      (op.type === 'run' && Object.keys(op.hiddenEnv ?? {}).length > 0) ||
      (op.type === 'source' && (op.source.type === 'http' || op.source.type === 'git')),
  );
}

/** A value that no step has is written nowhere else either: it may be the password of a proxy, or of a context that isn't used. */
function holdsUnusedValues(dockerfile: BuildRequest['dockerfile'], plan: Plan): boolean {
  if (dockerfile === undefined) return false;
  const text = JSON.stringify(plan);
  const isUsed = (value: string) => text.includes(JSON.stringify(value).slice(1, -1));
  return (
    Object.values(dockerfile.buildArgs).some((value) => !isUsed(value)) ||
    Object.values(dockerfile.contexts).some((source) => source.includes('@'))
  );
}

function textOf(identities: Identities): string {
  return canonicalJson([...identities]);
}
