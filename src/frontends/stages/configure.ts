/**
 * Configure: a small plan of its own that evaluates a spec and runs every config.sh, in a builder that sees copies
 * only. Its key covers what it sees, so its result is there already when nothing of that changed.
 */
import { join, relative } from 'node:path';
import { outside } from '../../kit/errors.ts';
import { readdirSync, realpathSync } from '../../kit/host-files.ts';
import type { Copy, Plan, Step, StepId } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import type { SnapshotFiles } from '../request.ts';
import { hasConfig, isInside, stageNames } from './folder.ts';
import { copyOfInput, declaredInputs, namedInputs, settingsPath } from './inputs.ts';
import { bashFolder, libraryCopies } from './library.ts';

/** Name that steps of this part bear as their stage. */
const configureStage = 'configure';
/** The step whose snapshot holds the result, and the tree as config.sh left it below `/build`. */
export const configureStep = ':configure' as StepId;

export interface ConfigureRequest {
  tree: string;
  /** The spec: a file of the tree, or text that stands for one. */
  spec: { path: string; text?: string };
  /** Text of the effective settings. */
  settings: string;
  hostIdentity: Readonly<Record<string, string>>;
  noCache: boolean;
}

/** What every stage and config.sh finds in its environment. */
export const stageEnvironment: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  USER: 'root',
  LOGNAME: 'root',
  SHELL: '/bin/bash',
  LANG: 'C.UTF-8',
};

/** The steps of configure: first what it sees, then its run. */
export function configureSteps(request: ConfigureRequest, complaints: Complaint[]): Step[] {
  const inputs = ':configure-inputs' as StepId;
  const spec = relative(request.tree, request.spec.path);
  return [
    {
      id: inputs,
      stage: configureStage,
      title: 'inputs of configure',
      internal: true,
      op: { type: 'copy', copies: configureInputs(request, spec, complaints), times: 'fixed' },
    },
    {
      id: configureStep,
      stage: configureStage,
      title: `configure ${spec}`,
      internal: true,
      base: inputs,
      location: { file: request.spec.path },
      ...(request.noCache ? { noCache: true } : {}),
      op: {
        type: 'run',
        argv: ['/bin/bash', '/work/driver/driver.bash', spec],
        env: stageEnvironment,
        cwd: '/',
        user: '',
        root: { type: 'builder', builder: 'host', work: '/work' },
        mounts: [],
        network: 'host',
        security: 'builder',
        identity: request.hostIdentity,
      },
    },
  ];
}

/** Builds configure and gives access to its files. */
export function configure(
  steps: readonly Step[],
  evaluate: (plan: Plan) => Promise<SnapshotFiles>,
): Promise<SnapshotFiles> {
  return evaluate({
    version: 1,
    steps,
    result: configureStep,
    image: { root: '/', config: {}, platform: { os: 'linux', architecture: 'any' } },
  });
}

/** The driver's result file. */
export function resultOf(files: SnapshotFiles): Buffer {
  const data = files('/result');
  if (data === undefined) throw outside('configure-failed', 'Configuring the stages left no result.');
  return data;
}

function configureInputs(request: ConfigureRequest, spec: string, complaints: Complaint[]): Copy[] {
  const { tree, settings } = request;
  const copies: Copy[] = [
    { from: { type: 'folder', path: bashFolder() }, paths: ['driver.bash'], dest: '/driver/driver.bash' },
    ...libraryCopies(tree, '/build/lib/'),
    ...specCopies(request, spec),
  ];
  const inputs = new Set<string>([settingsPath]);
  const names = stageNames(tree);
  const stages = names.length > 0 ? realpathSync.native(join(tree, 'stages')) : '';
  for (const name of names) {
    const path = realpathSync.native(join(tree, 'stages', name));
    // A link that leaves stages/ is told when a spec calls it; it is never followed.
    if (!hasConfig(path) || !isInside(stages, path)) continue;
    copies.push({
      from: { type: 'folder', path, ignore: ['apply.sh', 'inside.sh', 'assets/settings.bash'] },
      paths: ['.'],
      dest: `/build/stages/${name}/`,
    });
    for (const input of [...namedInputs(tree, path), ...declaredInputs(tree, path, complaints)]) {
      if (!input.startsWith(`stages/${name}/`)) inputs.add(input);
    }
  }
  for (const input of [...inputs].sort()) copies.push(copyOfInput(tree, input, '/build', settings));
  return copies;
}

/**
 * The spec and what it may source: the folder of the tree that it lies in, or its neighbours `*.spec`, `*.bash` and
 * `*.sh` when it lies beside stages/.
 */
function specCopies({ tree, spec }: ConfigureRequest, path: string): Copy[] {
  if (spec.text !== undefined) {
    const files = [{ path, data: spec.text, mode: 0o644 }];
    return [{ from: { type: 'inline', files }, paths: ['.'], dest: '/build/' }];
  }
  const [top = ''] = path.split('/');
  if (top !== path)
    return [{ from: { type: 'folder', path: join(tree, top) }, paths: ['.'], dest: `/build/${top}/` }];
  const names = readdirSync(tree).filter((name) => name === path || /\.(spec|bash|sh)$/.test(name));
  const ignore = ['*', ...names.sort().map((name) => `!${name}`)];
  return [{ from: { type: 'folder', path: tree, ignore }, paths: ['.'], dest: '/build/' }];
}
