/** The example's plan: its stages, what each of them sees, and the image's configuration. Nothing is downloaded. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { findBuildFile, loadPlan } from '../../src/frontends/index.ts';
import { UserError } from '../../src/kit/errors.ts';
import { buildPlan } from './support/evaluate.ts';

const example = join(import.meta.dirname, '../../examples/hello');

async function planOf(set: Record<string, string>) {
  const scratch = mkdtempSync(join(tmpdir(), 'cambium-hello-'));
  try {
    return await loadPlan({
      path: findBuildFile(example, undefined).path,
      set,
      hostIdentity: () => ({}),
      evaluate: async (plan) => buildPlan(plan, scratch).read,
    });
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

test('the example is a plan of its stages', async () => {
  const plan = await planOf({ port: '9000' });
  const stages = plan.steps.filter((step) => !step.internal).map((step) => step.stage);
  expect(stages).toEqual(['base', 'packages', 'users', 'web', 'harden', 'clean']);
  expect(plan.image).toMatchObject({
    root: '/chroot',
    config: {
      Entrypoint: ['/usr/local/bin/hello'],
      Env: ['PORT=9000'],
      ExposedPorts: { '9000/tcp': {} },
      User: 'hello',
    },
  });
});

test('a greeting changes what the stage web sees, and nothing else', async () => {
  const before = await planOf({});
  const after = await planOf({ greeting: 'Good <morning> & "night"' });
  const text = (step: unknown) => JSON.stringify(step);
  const changed = after.steps.filter((step, index) => text(step) !== text(before.steps[index]));
  expect(changed.map((step) => step.id)).toEqual(['web:inputs']);
});

test('a wrong port is told before any stage runs', async () => {
  const error = await planOf({ port: '80' }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).message).toContain('web: port must be between 1024 and 65535, not 80');
});
