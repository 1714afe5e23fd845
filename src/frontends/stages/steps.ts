/** Stages → steps: for each stage one step that gathers what it sees, and one that runs it on the stage before. */
import { join } from 'node:path';
import { existsSync } from '../../kit/host-files.ts';
import type { Copy, Mount, RunOp, RunRoot, Source, Step, StepId } from '../../plan/index.ts';
import { computeField } from '../compute.ts';
import { warmField } from '../warmth.ts';
import { configureStep, stageEnvironment } from './configure.ts';
import { copyOfInput } from './inputs.ts';
import { libraryCopies } from './library.ts';
import type { CommandStage, FolderStage, StageStep, StagesRequest } from './types.ts';

/**
 * The folder of the snapshots that is the image's root. Stages with apply.sh keep the image in `chroot`, beside
 * other files of theirs; without such stages the snapshot is the image.
 */
export function imageRoot(stages: readonly StageStep[]): '/' | '/chroot' {
  return stages.some((stage) => stage.type === 'folder' && stage.folder.script === 'apply.sh')
    ? '/chroot'
    : '/';
}

/** All steps of the stages, the base's first. */
export function stageSteps(request: StagesRequest, root: '/' | '/chroot'): Step[] {
  const steps: Step[] = baseSteps(request, root);
  const builder: RunRoot = { type: 'builder', builder: builderOf(request, steps), work: '/work' };
  let previous =
    request.base === undefined ? undefined : steps.findLast((step) => step.id !== ':builder')?.id;
  const calls = new Map<string, number>();
  let found: readonly Copy[] | undefined;
  const library = () => (found ??= libraryCopies(request.tree, '/lib/'));
  for (const stage of request.stages) {
    const call = (calls.get(stage.name) ?? 0) + 1;
    calls.set(stage.name, call);
    const id = (call === 1 ? stage.name : `${stage.name}#${call}`) as StepId;
    steps.push(...stepsOf(stage, { request, root, builder, id, previous, library }));
    previous = id;
  }
  return steps;
}

function baseSteps({ base }: StagesRequest, root: string): Step[] {
  if (base === undefined) return [];
  const { source, location } = base;
  const title = `base ${sourceTitle(source)}`;
  const step: Step = {
    id: ':base' as StepId,
    stage: 'base',
    title,
    op: { type: 'source', source },
    location,
  };
  if (root === '/') return [step];
  const copy: Copy = { from: { type: 'step', step: step.id }, paths: ['.'], dest: `${root}/` };
  const inRoot: Step = {
    id: ':base-root' as StepId,
    stage: 'base',
    title: `${title}, as the root folder of the image`,
    internal: true,
    op: { type: 'copy', copies: [copy] },
    location,
  };
  return [step, inRoot];
}

function builderOf({ builder }: StagesRequest, steps: Step[]): 'host' | { step: StepId; root: string } {
  if (builder === undefined) return 'host';
  const { source, location } = builder;
  const id = ':builder' as StepId;
  steps.push({
    id,
    stage: 'builder',
    title: `builder ${sourceTitle(source)}`,
    op: { type: 'source', source },
    location,
  });
  return { step: id, root: '/' };
}

interface Place {
  request: StagesRequest;
  root: '/' | '/chroot';
  builder: RunRoot;
  id: StepId;
  previous: StepId | undefined;
  /** The library that stages use. */
  library: () => readonly Copy[];
}

function stepsOf(stage: StageStep, place: Place): Step[] {
  switch (stage.type) {
    case 'folder':
      return folderSteps(stage, place);
    case 'command':
      return [
        runStep(stage, place, commandTitle(stage.argv), {
          ...commandOp(stage),
          root: inImage(place),
          mounts: stage.volumes,
        }),
      ];
    case 'copy': {
      const copy = {
        ...stage.copy,
        dest: place.root === '/' ? stage.copy.dest : place.root + stage.copy.dest,
      };
      return [
        common(stage, place, `copy ${stage.from} to ${stage.copy.dest}`, { type: 'copy', copies: [copy] }),
      ];
    }
  }
}

/** What the run of a stage's folder sees is mounted at /build, laid out as the tree is. */
function folderSteps(stage: FolderStage, place: Place): Step[] {
  const { folder } = stage;
  const inputs = `${place.id}:inputs` as StepId;
  const gather: Step = {
    id: inputs,
    stage: stage.name,
    title: `inputs of ${stage.name}`,
    internal: true,
    op: { type: 'copy', copies: stageInputs(stage, place), times: 'fixed' },
    location: stage.location,
  };
  const mounts: Mount[] = [{ type: 'step', step: inputs, path: '/', target: '/build' }, ...stage.volumes];
  const here = `/build/stages/${stage.name}`;
  const facts = { user: '', mounts, network: 'host' } as const;
  const title = `${stage.name} (${folder.script})`;
  if (folder.script === 'inside.sh') {
    const env = {
      ...stageEnvironment,
      settings_file: `${here}/assets/settings.bash`,
      assets_dir: `${here}/assets`,
      ...stage.env,
    };
    const argv = [`${here}/inside.sh`];
    return [
      gather,
      runStep(stage, place, title, {
        ...facts,
        argv,
        env,
        cwd: '/',
        security: 'default',
        root: inImage(place),
      }),
    ];
  }
  const onHost = place.builder.type === 'builder' && place.builder.builder === 'host';
  const run = runStep(stage, place, title, {
    ...facts,
    argv: [`${here}/apply.sh`, '/work'],
    env: { ...stageEnvironment, ...stage.env },
    // Files that a script leaves in its working folder are thrown away.
    cwd: '/tmp',
    security: 'builder',
    root: place.builder,
    ...(onHost ? { identity: place.request.hostIdentity() } : {}),
  });
  return [gather, run];
}

function stageInputs(stage: FolderStage, { request, library }: Place): Copy[] {
  const { tree, globalSettings } = request;
  const { folder } = stage;
  const dest = `/stages/${stage.name}`;
  const own: Copy = {
    from: { type: 'folder', path: folder.path, ignore: ['assets/settings.bash'] },
    paths: ['.'],
    dest: `${dest}/`,
  };
  const made: Copy = {
    from: { type: 'step', step: configureStep },
    paths: [`build${dest}`],
    dest: `${dest}/`,
  };
  const script: Copy = {
    from: { type: 'folder', path: folder.path },
    paths: [folder.script],
    dest: `${dest}/${folder.script}`,
  };
  const copies: Copy[] = stage.fromConfigure ? [made, script] : [own];
  copies.push(...library());
  for (const input of stage.inputs) copies.push(copyOfInput(tree, input, '', globalSettings));
  if (stage.settings !== undefined) {
    const file = { path: 'assets/settings.bash', data: stage.settings, mode: 0o644 };
    copies.push({ from: { type: 'inline', files: [file] }, paths: ['.'], dest: `${dest}/` });
  } else if (existsSync(join(folder.path, 'assets/settings.bash')) && !folder.hasConfig) {
    // Written by hand: without a config.sh it is an asset like any other.
    copies.push({
      from: { type: 'folder', path: join(folder.path, 'assets') },
      paths: ['settings.bash'],
      dest: `${dest}/assets/settings.bash`,
    });
  }
  return copies;
}

function inImage({ root }: Place): RunRoot {
  return { type: 'snapshot', path: root };
}

function commandOp({ argv, env, cwd, user, network }: CommandStage): Omit<RunOp, 'type' | 'root' | 'mounts'> {
  // HOME is that of `user`, as the image's /etc/passwd has it.
  const { PATH = '', LANG = '' } = stageEnvironment;
  return { argv, env: { PATH, LANG, ...env }, cwd, user, network, security: 'default' };
}

function runStep(stage: StageStep, place: Place, title: string, op: Omit<RunOp, 'type'>): Step {
  return {
    ...common(stage, place, title, { type: 'run', ...op }),
    ...(stage.type === 'copy' ? {} : computeField(stage.compute)),
    ...(stage.type === 'copy' ? {} : warmField(stage.warm, (command) => argvOf(stage, command))),
    ...(place.request.noCache(stage.name) ? { noCache: true } : {}),
  };
}

/** A command in place of a stage's own: beside the image for apply.sh, with its folder as `$1` too; else in the image. */
function argvOf(stage: FolderStage | CommandStage, command: string): string[] {
  return stage.type === 'folder' && stage.folder.script === 'apply.sh'
    ? ['/bin/bash', '-ec', command, 'apply.sh', '/work']
    : ['/bin/sh', '-ec', command];
}

function common(stage: StageStep, { id, previous }: Place, title: string, op: Step['op']): Step {
  return {
    id,
    stage: stage.name,
    title,
    ...(previous === undefined ? {} : { base: previous }),
    op,
    location: stage.location,
    history: { createdBy: title },
  };
}

function commandTitle(argv: readonly string[]): string {
  const text = argv[0] === '/bin/sh' && argv.length === 3 ? (argv[2] as string) : argv.join(' ');
  const line = text.trim().replace(/\s+/g, ' ');
  return line.length > 70 ? `${line.slice(0, 69)}…` : line;
}

function sourceTitle(source: Source): string {
  if (source.type === 'image') return source.reference;
  if (source.type === 'http') return source.url;
  if (source.type === 'git') return source.remote;
  return source.type === 'oci-layout' && source.reference !== undefined
    ? `${source.path}:${source.reference}`
    : source.path;
}
