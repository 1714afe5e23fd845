/** RUN → one step that runs a command, with its mounts. */
import { posix } from 'node:path';
import type { Mount, Network, PlanScript, RunOp, StepId } from '../../../plan/index.ts';
import { computeField } from '../../compute.ts';
import { blame } from '../language/complain.ts';
import { chompHeredoc, heredocOf } from '../language/heredoc.ts';
import { samePlatform } from '../language/platform.ts';
import type { BindMount, CacheMount, RunInstruction, RunMount } from '../language/types.ts';
import { proxyVariables } from './arguments.ts';
import { computeOf } from './compute.ts';
import { commandOf } from './configure.ts';
import { sourceOf } from './copy.ts';
import { runLine } from './history.ts';
import { emptyStep, type From, mainContext, type Planner, resolveFrom } from './planner.ts';
import { addHistory, type StageState } from './state.ts';
import { titleOf } from './step-list.ts';
import { warmthOf } from './warmth.ts';

/** Adds the step of an expanded RUN; `current` is the index of its stage. */
export async function planRun(
  planner: Planner,
  state: StageState,
  instruction: RunInstruction,
  current: number,
): Promise<void> {
  const { options, list, native } = planner;
  const { label, config } = state;
  const mounts: Mount[] = [];
  const words = wordsOf(planner, state, instruction, mounts);
  const argv = commandOf(state, { argv: words, shell: instruction.command.shell });
  if (argv.length === 0) throw blame(instruction, 'RUN names no command.', { hint: 'Write RUN command.' });
  const shmBytes = options.shmBytes;
  for (const [index, mount] of instruction.mounts.entries())
    mounts.push(await planMount(planner, state, { instruction, current }, mount, index));
  const proxies = proxyVariables(options.buildArgs);
  const env = Object.fromEntries(state.env);
  const hidden = Object.fromEntries(Object.entries(proxies).filter(([name]) => !Object.hasOwn(env, name)));
  const op: RunOp = {
    type: 'run',
    argv,
    env,
    cwd: config.WorkingDir || '/',
    user: config.User ?? '',
    // What commands that ask for it have seen since BuildKit is there.
    hostname: 'buildkitsandbox',
    root: { type: 'snapshot', path: '/' },
    mounts,
    network: networkOf(planner, instruction),
    security: securityOf(planner, instruction),
    makesCwd: true,
    ...(options.hosts.length > 0 && { hosts: options.hosts }),
    ...(options.ulimits.length > 0 && { ulimits: options.ulimits }),
    ...(shmBytes !== undefined && { shmBytes }),
    ...(Object.keys(hidden).length > 0 && { hiddenEnv: hidden }),
    ...(!samePlatform(state.platform, native) && { platform: state.platform }),
  };
  const title = titleOf(instruction.text);
  const script = scriptOf(instruction, argv);
  const { location } = instruction;
  const warm = warmthOf(instruction, (command) => commandOf(state, { argv: [command], shell: true }));
  state.top = list.add({
    ...{ stage: label, title, base: state.top, op, location },
    ...(script && { script }),
    ...computeField({ ...state.compute, ...computeOf(instruction) }),
    ...(warm && { warm }),
  });
  const args = state.args.map(({ name, value }) => ({ name, value: state.env.get(name) ?? value ?? '' }));
  addHistory(state, runLine(argv, args), state.top);
}

/** The command's words. A heredoc alone is the script itself: through the shell, or by the interpreter that it names. */
function wordsOf(
  planner: Planner,
  { label }: StageState,
  instruction: RunInstruction,
  mounts: Mount[],
): readonly string[] {
  const { command, heredocs } = instruction;
  const [first] = heredocs;
  if (first === undefined || !command.shell) return command.argv;
  const [text = ''] = command.argv;
  if (heredocOf(text.trim()) === undefined) {
    // The shell reads the bodies itself.
    return [heredocs.reduce((all, { content, name }) => `${all}\n${content}${name}`, text)];
  }
  const script = first.chomp ? chompHeredoc(first.content) : first.content;
  if (!script.startsWith('#!')) return [script];
  const files = [{ path: first.name, data: script, mode: 0o755 }];
  const copy = { from: { type: 'inline', files }, paths: [], dest: '/', select: {} } as const;
  const op = { type: 'copy', copies: [{ ...copy, dest: `/${first.name}` }] } as const;
  const step = planner.list.add({ stage: label, title: `script ${first.name}`, op, internal: true });
  mounts.push({ type: 'step', step, path: '/', target: '/dev/pipes' });
  return [`/dev/pipes/${first.name}`];
}

/** The lines of a heredoc that an interpreter reads: alone, or on its standard input. */
function scriptOf(
  { heredocs, command, location }: RunInstruction,
  argv: readonly string[],
): PlanScript | undefined {
  const [heredoc, another] = heredocs;
  if (heredoc === undefined || another !== undefined || !command.shell) return undefined;
  const { content: text, line } = heredoc;
  // That of a trigger stands in no file.
  if (line <= location.line || line > (location.endLine ?? 0)) return undefined;
  const [shell = '', last = ''] = [argv[0], argv.at(-1)];
  const isAlone = heredocOf((command.argv[0] ?? '').trim()) !== undefined;
  const reader = !isAlone ? 'stdin' : text.trimStart().startsWith('#!') ? last : shell;
  return { text, line, reader };
}

function networkOf({ options }: Planner, instruction: RunInstruction): Network {
  const usual = options.network ?? 'host';
  if (instruction.network === 'none') return 'none';
  if (instruction.network === 'default' || options.network === 'host') return usual;
  if (options.allow.includes('network.host')) return 'host';
  throw blame(instruction, "The step asks for the host's network, which this build doesn't allow.", {
    code: 'not-allowed',
    hint: 'Allow it: --allow network.host',
  });
}

function securityOf({ options }: Planner, instruction: RunInstruction): RunOp['security'] {
  if (instruction.security !== 'insecure') return 'default';
  if (options.allow.includes('security.insecure')) return 'builder';
  throw blame(
    instruction,
    "The step asks for more rights than a container has, which this build doesn't allow.",
    {
      code: 'not-allowed',
      hint: 'Allow it: --allow security.insecure',
    },
  );
}

interface At {
  instruction: RunInstruction;
  current: number;
}

async function planMount(
  planner: Planner,
  state: StageState,
  at: At,
  mount: RunMount,
  index: number,
): Promise<Mount> {
  const target = targetOf(state, at.instruction, mount, index);
  switch (mount.type) {
    case 'bind':
      return planBind(planner, state, at, mount, target as string);
    case 'cache':
      return planCache(planner, state, at, mount, target as string);
    case 'tmpfs': {
      const { sizeBytes } = mount;
      return { type: 'tmpfs', target: target as string, ...(sizeBytes !== undefined && { sizeBytes }) };
    }
    case 'secret': {
      const { id, env, required, uid, gid, mode } = mount;
      const owner = { uid, gid };
      return {
        type: 'secret',
        id,
        ...(target !== undefined && { target }),
        ...(env !== undefined && { env }),
        ...{ required, owner, mode },
      };
    }
    case 'ssh': {
      const { id, required, uid, gid, mode } = mount;
      return { type: 'ssh', id, target: target as string, required, owner: { uid, gid }, mode };
    }
  }
}

function targetOf(
  { config }: StageState,
  instruction: RunInstruction,
  mount: RunMount,
  index: number,
): string | undefined {
  if (mount.type === 'secret' && mount.target === undefined) return undefined;
  const written = mount.target ?? `/run/buildkit/ssh_agent.${index}`;
  const target = posix.resolve('/', config.WorkingDir ?? '', written);
  if (target !== '/' && written !== '') return target;
  throw blame(instruction, `A mount of type ${mount.type} can't be at \`${written || '/'}\`.`, {
    code: 'bad-mount-target',
    hint: 'Write target=/some/path.',
  });
}

function planFrom(
  planner: Planner,
  { label }: StageState,
  at: At,
  name: string | undefined,
): Promise<From> | From {
  return name === undefined
    ? mainContext(planner, at.instruction, label)
    : resolveFrom(planner, name, { ...at, label });
}

async function planBind(
  planner: Planner,
  state: StageState,
  at: At,
  mount: BindMount,
  target: string,
): Promise<Mount> {
  const from = await planFrom(planner, state, at, mount.from);
  const path = posix.resolve('/', mount.source);
  const step = stepOf(planner, state.label, from, path);
  return { type: 'step', step, path, target, ...(!mount.readOnly && { writable: true }) };
}

/** A step with what is mounted. Of a folder of the host only what the mount shows is taken. */
function stepOf({ list }: Planner, stage: string, from: From, path: string): StepId {
  if (from.type === 'step') return from.step;
  const copy = { from: sourceOf(from), paths: [path === '/' ? '.' : path.slice(1)], dest: path, select: {} };
  return list.add({
    stage,
    title: `context for mounts: ${path}`,
    op: { type: 'copy', copies: [copy] },
    internal: true,
  });
}

async function planCache(
  planner: Planner,
  state: StageState,
  at: At,
  mount: CacheMount,
  target: string,
): Promise<Mount> {
  const { id = target, sharing, readOnly, uid = 0, gid = 0, mode = 0o755 } = mount;
  const path = posix.resolve('/', mount.source);
  const cache = { type: 'cache', id, target, sharing, readOnly, owner: { uid, gid }, mode } as const;
  if (mount.from === undefined) return cache;
  const from =
    mount.from === 'scratch'
      ? ({ type: 'step', step: emptyStep(planner, state.label) } as const)
      : await planFrom(planner, state, at, mount.from);
  return { ...cache, from: { step: stepOf(planner, state.label, from, path), path } };
}
