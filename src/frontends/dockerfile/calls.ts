/** What can be asked about a Dockerfile without building it: what checks find, its targets, and what a target takes. */
import type { UserError } from '../../kit/errors.ts';
import type { PlanRequest } from '../request.ts';
import { planEveryStage } from './index.ts';
import { parseDockerfile } from './language/dockerfile.ts';
import { parseMount } from './language/mounts.ts';
import type { Dockerfile, Location, Stage } from './language/types.ts';
import type { DockerfileOptions } from './request.ts';

export interface CheckResult {
  warnings: readonly { rule: string; message: string; location: Location; url?: string }[];
  /** What keeps it from being built. */
  error: UserError | undefined;
}

export interface Target {
  name: string | undefined;
  description: string | undefined;
  base: string;
  isDefault: boolean;
}

export interface Outline {
  target: string | undefined;
  description: string | undefined;
  args: readonly { name: string; value: string | undefined; description: string | undefined }[];
  secrets: readonly { id: string; required: boolean }[];
  ssh: readonly { id: string; required: boolean }[];
  caches: readonly string[];
}

type DockerfileRequest = PlanRequest & { dockerfile: DockerfileOptions };

/** All stages are looked at, or those of `--target`. */
export function checkFile(request: DockerfileRequest): Promise<CheckResult> {
  return planEveryStage(request);
}

export function listTargets(content: Uint8Array | string, file: string): Target[] {
  const { stages } = parseDockerfile(content, file);
  return stages.map(({ name, from }, index) => ({
    name,
    description: from.description,
    base: from.base,
    isDefault: index === stages.length - 1,
  }));
}

/** What can be given to the build of a stage: arguments, secrets, agents; those of the stages that it starts from too. */
export function outline(content: Uint8Array | string, file: string, target: string | undefined): Outline {
  const dockerfile = parseDockerfile(content, file);
  const { stages } = dockerfile;
  const last = stages.findLastIndex(({ name }) => target === undefined || name === target.toLowerCase());
  const stage = stages[last];
  if (stage === undefined) throw new Error(`no stage ${target}`);
  const chain = stagesBelow(dockerfile, stage);
  const args = new Map<string, Outline['args'][number]>();
  const secrets = new Map<string, boolean>();
  const ssh = new Map<string, boolean>();
  const caches = new Set<string>();
  for (const instruction of [
    ...dockerfile.globalArgs,
    ...chain.flatMap(({ instructions }) => instructions),
  ]) {
    if (instruction.type === 'arg') {
      for (const { name, value, description } of instruction.args)
        args.set(name, {
          name,
          value: value ?? args.get(name)?.value,
          description: description ?? args.get(name)?.description,
        });
    }
    if (instruction.type !== 'run') continue;
    for (const flag of instruction.mountFlags) {
      const mount = parseMount(flag, (value) => value);
      if (mount.type === 'secret') secrets.set(mount.id, (secrets.get(mount.id) ?? false) || mount.required);
      if (mount.type === 'ssh') ssh.set(mount.id, (ssh.get(mount.id) ?? false) || mount.required);
      if (mount.type === 'cache') caches.add(mount.id ?? mount.target);
    }
  }
  const listed = (map: Map<string, boolean>) => [...map].map(([id, required]) => ({ id, required }));
  return {
    target: stage.name,
    description: stage.from.description,
    args: [...args.values()],
    secrets: listed(secrets),
    ssh: listed(ssh),
    caches: [...caches],
  };
}

/** A stage, and all that it starts from or takes from, as far as names without variables tell; lowest first. */
function stagesBelow({ stages }: Dockerfile, top: Stage): Stage[] {
  const found = new Set<Stage>();
  const visit = (stage: Stage | undefined) => {
    if (stage === undefined || found.has(stage)) return;
    const names = stage.instructions.flatMap((instruction) => {
      if (instruction.type === 'run') return instruction.mountSources;
      return instruction.type === 'copy' && instruction.from !== undefined ? [instruction.from] : [];
    });
    for (const name of [stage.from.base, ...names]) {
      const isNumber = /^\d+$/.test(name);
      visit(
        stages
          .slice(0, stage.index)
          .findLast((other) => (isNumber ? other.index === Number(name) : other.name === name.toLowerCase())),
      );
    }
    found.add(stage);
  };
  visit(top);
  return [...found];
}
