/** The frontend for `cambium.ts`: run it, configure the stage folders that it names, then make the plan. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import type { Plan, StepId } from '../../plan/index.ts';
import { assemble } from '../assemble.ts';
import { type Complaint, throwComplaints } from '../complaints.ts';
import { renameSteps } from '../rename-steps.ts';
import type { PlanRequest } from '../request.ts';
import { parseSource } from '../sources.ts';
import { callerLocation, type ImageEntry, type StageEntry } from './authoring.ts';
import { imageConfig } from './image.ts';
import { runProgram } from './load.ts';
import { checkDeclared, givenSettings, settingFunctions } from './settings.ts';
import { entriesOf, wrongShapes } from './shapes.ts';
import { programStages } from './stages.ts';

/** The plan of the TypeScript build file `request.path`. */
export async function loadProgram(request: PlanRequest): Promise<Plan> {
  const path = existing(request.path);
  const tree = dirname(path);
  const complaints: Complaint[] = [];
  const declared = new Map<string, string>();
  const given = givenSettings(request.settingsFile, request.set);
  const here = () => callerLocation(new Error(), tree) ?? { file: path };
  const setting = settingFunctions(given, declared, complaints, here);

  const image = await runProgram(path, setting, request.cacheDir).catch((error: unknown) => {
    // A wrong setting may be why the rest of the file failed.
    throwComplaints(complaints);
    throw error;
  });
  checkDeclared(given, declared, complaints);
  throwComplaints(complaints);

  return planImage({ request, tree, path, declared, others: new Map() }, image);
}

interface Program {
  request: PlanRequest;
  tree: string;
  path: string;
  declared: ReadonlyMap<string, string>;
  /** Plans of the images that are copied from; the steps of each have a prefix of their own. */
  others: Map<ImageEntry, Plan>;
}

async function planImage(program: Program, { options, location }: ImageEntry): Promise<Plan> {
  const { request, tree, path, declared, others } = program;
  const complaints = wrongShapes({ kind: 'image', options, location });
  throwComplaints(complaints);
  const config = imageConfig(options, location, complaints);
  const source = (text: string | undefined) => {
    if (text === undefined) return undefined;
    const parsed = parseSource(text, tree, location);
    if ('source' in parsed) return { source: parsed.source, location };
    complaints.push(parsed.complaint);
    return undefined;
  };
  const base = source(options.base);
  const builder = source(options.builder);
  const entries = entriesOf(options.stages) as StageEntry[];
  if (entries.length === 0)
    complaints.push({ code: 'no-stages', message: 'The image has no stages.', location });
  throwComplaints(complaints);
  const needed = new Set(entries.flatMap((entry) => (entry.kind === 'copy-from' ? [entry.other] : [])));
  for (const other of needed) await planOther(program, other);
  const { stages, configuring, settings } = await programStages(
    { request, tree, path, entries, declared, others },
    complaints,
  );
  const plan = await assemble(
    request,
    { tree, file: path, stages, base, builder, config, configuring, settings },
    complaints,
  );
  const before = [...needed].flatMap((other) => others.get(other)?.steps ?? []);
  return { ...plan, steps: [...new Set([...before, ...plan.steps])] };
}

/** The plan of an image that another one copies from, made once. `--target` is for the image itself. */
async function planOther(program: Program, other: ImageEntry): Promise<void> {
  if (program.others.has(other)) return;
  const { target: _, ...request } = program.request;
  const plan = await planImage({ ...program, request }, other);
  program.others.set(other, prefixed(plan, `image${program.others.size + 1}:`));
}

/** The plan with `prefix` before the ids of its own steps; those of images that it copies from have theirs already. */
function prefixed(plan: Plan, prefix: string): Plan {
  const own = new Set(plan.steps.map(({ id }) => id).filter((id) => !/^image\d+:/.test(id)));
  const renamed = (id: StepId) => (own.has(id) ? (`${prefix}${id}` as StepId) : id);
  return {
    ...plan,
    result: renamed(plan.result),
    steps: plan.steps.map((step) => (own.has(step.id) ? renameSteps(step, renamed) : step)),
  };
}

function existing(path: string): string {
  try {
    return join(realpathSync.native(dirname(path)), path.slice(path.lastIndexOf('/') + 1));
  } catch (error) {
    throw wrongUse('missing-build-file', `${path} doesn't exist.`, { cause: error });
  }
}
