/** Frontends: a build file and its settings → a Plan. */
import { wrongUse } from '../kit/errors.ts';
import type { Plan } from '../plan/index.ts';
import type { PlanRequest } from './request.ts';

export { findBuildFile } from './find.ts';
export { openProject } from './open-project.ts';
export type { PlanRequest } from './request.ts';

/** The plan of a build file. What is wrong with the file is one `UserError` with all complaints. */
export async function loadPlan(request: PlanRequest): Promise<Plan> {
  const { dockerfile } = request;
  if (dockerfile !== undefined) {
    const { loadDockerfile } = await import('./dockerfile/index.ts');
    return loadDockerfile({ ...request, dockerfile });
  }
  if (request.path.endsWith('.spec')) {
    const { loadSpec } = await import('./spec/index.ts');
    return loadSpec(request);
  }
  if (request.path.endsWith('.ts')) {
    const { loadProgram } = await import('./typescript/index.ts');
    return loadProgram(request);
  }
  throw wrongUse(
    'unknown-build-file',
    `${request.path} is not a build file: it ends neither in .spec nor in .ts.`,
  );
}
