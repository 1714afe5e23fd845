/** The last part of every frontend: checked stages, with what an image starts from and is configured as, become a Plan. */
import { arch } from 'node:os';
import { wrongUse } from '../kit/errors.ts';
import type { ImageConfig, Plan, PlanLocation, Platform, Source, Step } from '../plan/index.ts';
import { type Complaint, throwComplaints } from './complaints.ts';
import type { PlanRequest } from './request.ts';
import { checkFilter } from './stage-names.ts';
import { imageRoot, stageSteps } from './stages/steps.ts';
import type { StageStep } from './stages/types.ts';

export interface Parts {
  tree: string;
  /** The build file. */
  file: string;
  stages: readonly StageStep[];
  base: { source: Source; location: PlanLocation } | undefined;
  builder: { source: Source; location: PlanLocation } | undefined;
  config: ImageConfig;
  /** The steps of configure, in whose result stages may find files. */
  configuring: readonly Step[];
  /** Text of the effective settings. */
  settings: string;
}

/** The plan; throws all `complaints` instead when there are some. */
export async function assemble(request: PlanRequest, parts: Parts, complaints: Complaint[]): Promise<Plan> {
  const { tree, stages, base, builder, config } = parts;
  checkFirst(stages, base !== undefined, complaints);
  throwComplaints(complaints);
  checkFilter(parts.file, [...new Set(stages.map(({ name }) => name))], request.noCacheFilter);

  const inherited = base === undefined ? undefined : await request.resolveImage?.(base.source);
  // The layout is that of all stages: so a plan that stops at one has the same steps up to it.
  const root = imageRoot(stages);
  const steps = stageSteps(
    {
      tree,
      stages: upTo(stages, request.target, parts.file),
      base,
      builder,
      globalSettings: parts.settings,
      hostIdentity: request.hostIdentity,
      noCache: (stage) => request.noCache === true || request.noCacheFilter?.includes(stage) === true,
    },
    root,
  );
  const result = steps.at(-1);
  if (result === undefined) throw new Error('a build file with stages gave no steps');
  const seen = stages.some((stage) => stage.type === 'folder' && stage.fromConfigure);
  return {
    version: 1,
    steps: seen ? [...parts.configuring, ...steps] : steps,
    result: result.id,
    image: {
      root,
      config: merge(inherited?.config, config),
      platform: inherited?.platform ?? hostPlatform(),
    },
  };
}

/** The stages up to the last call of `target`; all of them without one. */
function upTo(stages: readonly StageStep[], target: string | undefined, file: string): readonly StageStep[] {
  if (target === undefined) return stages;
  const last = stages.findLastIndex((stage) => stage.name === target);
  if (last === -1) {
    const names = [...new Set(stages.map((stage) => stage.name))];
    throw wrongUse('missing-target', `${file} calls no stage \`${target}\`.`, {
      hint: `It calls ${names.join(', ')}.`,
    });
  }
  return stages.slice(0, last + 1);
}

/** The configuration of the image that a build starts from, with what the build file says on top of it. */
function merge(inherited: ImageConfig | undefined, own: ImageConfig): ImageConfig {
  const nameOf = (entry: string) => entry.slice(0, entry.indexOf('='));
  const names = new Set((own.Env ?? []).map(nameOf));
  const env = [...(inherited?.Env ?? []).filter((entry) => !names.has(nameOf(entry))), ...(own.Env ?? [])];
  const labels = { ...inherited?.Labels, ...own.Labels };
  const both: ImageConfig = { ...inherited, ...own };
  if (env.length > 0) both.Env = env;
  if (Object.keys(labels).length > 0) both.Labels = labels;
  // A new entry point makes the old command meaningless.
  if (own.Entrypoint !== undefined && own.Cmd === undefined) delete both.Cmd;
  return both;
}

/** What this machine's programs run on, in the words of OCI. */
function hostPlatform(): Platform {
  const machine = arch();
  if (machine === 'x64') return { os: 'linux', architecture: 'amd64' };
  if (machine === 'arm') return { os: 'linux', architecture: 'arm', variant: 'v7' };
  if (machine === 'ia32') return { os: 'linux', architecture: '386' };
  return { os: 'linux', architecture: machine };
}

/** Complains about a first stage that runs inside of an image when there is none yet. */
function checkFirst(stages: readonly StageStep[], hasBase: boolean, complaints: Complaint[]): void {
  const [first] = stages;
  const runsInside =
    first?.type === 'command' || (first?.type === 'folder' && first.folder.script === 'inside.sh');
  if (first === undefined || hasBase || !runsInside) return;
  complaints.push({
    code: 'missing-base',
    message: `The stage ${first.name} runs inside the image, but there is no image yet.`,
    hint: 'Start with a base, or with a stage whose apply.sh makes one.',
    location: first.location,
  });
}
