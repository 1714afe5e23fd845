/** The frontend for stage specs in Bash: read the settings, configure, then make the plan. */
import { dirname, join } from 'node:path';
import { errnoOf, wrongUse } from '../../kit/errors.ts';
import { existsSync, readFileSync, realpathSync } from '../../kit/host-files.ts';
import type { ImageConfig, Plan } from '../../plan/index.ts';
import { assemble } from '../assemble.ts';
import { type Complaint, throwComplaints } from '../complaints.ts';
import type { PlanRequest } from '../request.ts';
import { configure, configureSteps, resultOf } from '../stages/configure.ts';
import { readEvaluation } from '../stages/result.ts';
import { evaluationComplaints } from './errors.ts';
import { applyInstructions } from './instructions.ts';
import { readSettings } from './settings.ts';
import { calledStages } from './stages.ts';

/** The plan of the spec `request.path`. */
export async function loadSpec(request: PlanRequest): Promise<Plan> {
  const path = readable(request.path);
  const tree = treeOf(path);
  const settings = readSettings(request, tree, path);
  const complaints: Complaint[] = [];

  const configuring = configureSteps(
    {
      tree,
      spec: { path },
      settings: settings.text,
      hostIdentity: request.hostIdentity(),
      noCache: request.noCache === true,
    },
    complaints,
  );
  throwComplaints(complaints);
  const files = await configure(configuring, request.evaluate);
  const evaluation = readEvaluation(resultOf(files), settings.hostPath);
  complaints.push(...evaluationComplaints(evaluation));
  if (evaluation.syntaxErrors.length > 0) throwComplaints(complaints);

  const config: ImageConfig = {};
  const { base, builder, extraInputs, wishes } = applyInstructions(
    evaluation.instructions,
    tree,
    config,
    complaints,
  );
  const stages = calledStages({ tree, evaluation, extraInputs, wishes, files }, complaints);
  if (evaluation.stages.length === 0 && complaints.length === 0) {
    complaints.push({
      code: 'no-stages',
      message: `${path} calls no stage.`,
      hint: 'A line `stage NAME` calls one.',
      location: { file: path },
    });
  }
  return assemble(
    request,
    { tree, file: path, stages, base, builder, config, configuring, settings: settings.text },
    complaints,
  );
}

function readable(path: string): string {
  try {
    readFileSync(path);
    return realpathSync.native(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw wrongUse('missing-build-file', `${path} doesn't exist.`);
    throw wrongUse('unreadable-build-file', `${path} can't be read.`, { cause: error });
  }
}

/** The tree that a spec belongs to: the nearest folder above it that holds stages/. */
function treeOf(spec: string): string {
  for (let folder = dirname(spec); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'stages'))) return folder;
    if (folder === dirname(folder)) break;
  }
  throw wrongUse('missing-stages', `There is no folder stages/ beside ${spec} or above it.`, {
    hint: 'A tree holds spec/NAME.spec and stages/STAGE/apply.sh.',
  });
}
