/** Scratch trees of stages, written from a record of files, and plans made of them. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadPlan, type PlanRequest } from '../../../src/frontends/index.ts';
import { UserError } from '../../../src/kit/errors.ts';
import type { Plan } from '../../../src/plan/index.ts';
import { type Built, buildPlan } from './evaluate.ts';

export interface Tree {
  dir: string;
  plan: (request?: Partial<PlanRequest>) => Promise<Plan>;
  build: (plan: Plan) => Built;
  /** The error that planning ends with. */
  error: (request?: Partial<PlanRequest>) => Promise<UserError>;
  [Symbol.dispose]: () => void;
}

/** Files by path; scripts (`*.sh`) are executable, `-> target` makes a symlink, a path that ends in `/` a folder. */
export function makeTree(files: Record<string, string>, buildFile = 'spec/test.spec'): Tree {
  const scratch = mkdtempSync(join(tmpdir(), 'cambium-frontend-'));
  const dir = join(scratch, 'tree');
  for (const [path, data] of Object.entries(files)) write(join(dir, path), data);
  let builds = 0;
  const build = (plan: Plan) => buildPlan(plan, join(scratch, `build${builds++}`));
  const plan = (request: Partial<PlanRequest> = {}) =>
    loadPlan({
      path: join(dir, buildFile),
      set: {},
      hostIdentity: () => ({ release: 'test' }),
      evaluate: async (small) => build(small).read,
      ...request,
    });
  const error = async (request: Partial<PlanRequest> = {}) => {
    try {
      await plan(request);
    } catch (thrown) {
      if (thrown instanceof UserError) return thrown;
      throw thrown;
    }
    throw new Error('planning went well');
  };
  return {
    dir,
    plan,
    build,
    error,
    [Symbol.dispose]: () => rmSync(scratch, { recursive: true, force: true }),
  };
}

function write(path: string, data: string): void {
  mkdirSync(path.endsWith('/') ? path : dirname(path), { recursive: true });
  if (path.endsWith('/')) return;
  if (data.startsWith('-> ')) {
    symlinkSync(data.slice(3), path);
    return;
  }
  writeFileSync(path, data);
  if (path.endsWith('.sh')) chmodSync(path, 0o755);
}
