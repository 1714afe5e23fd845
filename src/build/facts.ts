/**
 * The facts that a step's key is made of. The key is the SHA-256 of exactly these facts, and `explain` compares the
 * same facts: so the two can't disagree. Names of facts are for people.
 */
import { canonicalJson, hexOf, sha256 } from '../kit/digest.ts';
import type { CopyOp, Mount, RunOp, SourceOp, Step, StepKey } from '../plan/index.ts';
import type { InputFacts } from '../store/builds.ts';
import type { ContentFacts } from '../workers/worker.ts';

/** Changes when the meaning of a key changes: results of older versions are then not found any more. */
const keyFormat = '1';

export function keyOf(facts: InputFacts): StepKey {
  return hexOf(sha256(canonicalJson(facts))) as StepKey;
}

/** What holds for every kind of step. `platform`: results differ by machine. */
function commonFacts(kind: string, base: StepKey | undefined): Record<string, string> {
  const facts: Record<string, string> = {
    format: keyFormat,
    kind,
    platform: `${process.platform}/${process.arch}`,
  };
  if (base !== undefined) facts['parent'] = base;
  return facts;
}

export function sourceFacts({ source }: SourceOp, identity: Readonly<Record<string, string>>): InputFacts {
  // The reference itself is no fact: two names of the same content are the same input.
  const facts = commonFacts(`source ${source.type}`, undefined);
  for (const [name, value] of Object.entries(identity)) facts[`source: ${name}`] = value;
  return facts;
}

/** `contents[i]`: what the i-th copy takes; for a definition key, the key of the step that it takes it from. */
export function copyFacts(
  op: CopyOp,
  base: StepKey | undefined,
  contents: readonly (ContentFacts | StepKey)[],
): InputFacts {
  const facts = commonFacts('copy', base);
  if (op.times !== undefined) facts['times'] = op.times;
  for (const [index, copy] of op.copies.entries()) {
    const content = contents[index] as ContentFacts | StepKey;
    const name = `copy ${index + 1} to ${copy.dest}`;
    // Where it goes, in which order, and what owner and mode it gets.
    const selection = copy.select === undefined ? [] : [copy.select, copy.dest.endsWith('/')];
    facts[name] = canonicalJson([copy.paths, copy.owner ?? null, copy.mode ?? null, ...selection]);
    if (typeof content === 'string') facts[`${name}: from step`] = content;
    else for (const [path, digest] of Object.entries(content)) facts[`${name}: ${path}`] = digest;
  }
  return facts;
}

/** `files`: the key of the step whose files are laid over the base. */
export function linkFacts(base: StepKey | undefined, files: StepKey | undefined): InputFacts {
  return { ...commonFacts('link', base), files: files as string };
}

/** `mounts[i]`: the key of the step that the i-th mount shows, if it is one. */
export function runFacts(
  op: RunOp,
  base: StepKey | undefined,
  mounts: readonly (StepKey | undefined)[],
  builder: StepKey | undefined,
): InputFacts {
  const facts = commonFacts('run', base);
  facts['command'] = JSON.stringify(op.argv);
  facts['working folder'] = op.cwd;
  facts['user'] = op.user;
  facts['root folder'] = canonicalJson({
    ...op.root,
    builder: builder ?? (op.root.type === 'builder' ? 'host' : ''),
  });
  // What a command may do and reach decides what it does.
  facts['network'] = op.network;
  facts['confinement'] = `${op.security}${op.noNewPrivileges ? ', no new privileges' : ''}`;
  facts['host name'] = op.hostname ?? '';
  for (const [name, value] of Object.entries(op.env)) facts[`variable ${name}`] = value;
  for (const [index, mount] of op.mounts.entries()) {
    const name = mount.type === 'secret' && mount.target === undefined ? `secret ${mount.id}` : mount.target;
    facts[`mount ${name}`] = mountFact(mount, mounts[index]);
  }
  for (const { name, address } of op.hosts ?? []) facts[`host ${name}`] = address;
  for (const { name, soft, hard } of op.ulimits ?? []) facts[`limit ${name}`] = `${soft}:${hard}`;
  if (op.shmBytes !== undefined) facts['size of /dev/shm'] = String(op.shmBytes);
  // What the machine runs through an emulator is for another one.
  if (op.platform) facts['platform'] = `${facts['platform']} for ${canonicalJson(op.platform)}`;
  for (const [name, value] of Object.entries(op.identity ?? {})) facts[`builder: ${name}`] = value;
  return facts;
}

/** `key`: of the step that the mount shows or starts from. What a cache, a volume or a secret holds is no part of any key. */
function mountFact(mount: Mount, key: StepKey | undefined): string {
  switch (mount.type) {
    case 'step':
      return `${key} ${mount.path}${mount.writable ? ' writable' : ''}`;
    case 'tmpfs':
      return `tmpfs ${mount.sizeBytes ?? ''}`;
    case 'cache': {
      const { id, readOnly, owner, mode, from } = mount;
      return `cache ${canonicalJson([id, readOnly, owner, mode, from ? [key, from.path] : null])}`;
    }
    case 'volume':
      return `volume ${canonicalJson([mount.name, mount.readOnly])}`;
    case 'secret': {
      const { id, env, required, owner, mode } = mount;
      return `secret ${canonicalJson([id, env ?? null, required, owner, mode])}`;
    }
    case 'ssh':
      return `ssh ${canonicalJson([mount.id, mount.required])}`;
  }
}

/** The step whose snapshot a mount shows or starts from. */
export function stepOfMount(mount: Mount): Step['id'] | undefined {
  if (mount.type === 'step') return mount.step;
  return mount.type === 'cache' ? mount.from?.step : undefined;
}

/** The ids of the steps whose results a step needs, apart from its base. */
export function referencedSteps(step: Step): Step['id'][] {
  const { op } = step;
  if (op.type === 'copy') return op.copies.flatMap(({ from }) => (from.type === 'step' ? [from.step] : []));
  if (op.type === 'link') return [op.step];
  if (op.type !== 'run') return [];
  const builder = op.root.type === 'builder' && op.root.builder !== 'host' ? [op.root.builder.step] : [];
  return [...op.mounts.flatMap((mount) => stepOfMount(mount) ?? []), ...builder];
}
