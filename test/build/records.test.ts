/** What is kept of builds: those that did something, and the last of those that had nothing to do. */
import { realpathSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { listBuilds, stepsOf } from '../../src/store/builds.ts';
import { openStore } from '../../src/store/store.ts';
import { buildOk, cambiumOk } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const here = scratch();
afterAll(() => here[Symbol.dispose]());
const at = { store: here.path('store') };

function records(buildFile: string) {
  const store = openStore(at.store);
  try {
    return listBuilds(store, realpathSync(buildFile)).map((build) => ({
      ...build,
      states: stepsOf(store, build.id).map(({ stage, state }) => `${stage} ${state}`),
    }));
  } finally {
    store.close();
  }
}

test('a build that repeats one with nothing to do takes its record over; no other does', () => {
  const tree = specTree(here.path('tree'));
  tree.stage('two', 'echo first > /two');
  tree.stages('base', 'two');
  buildOk([tree.spec], at);
  buildOk([tree.spec], at);
  const [idle, first, ...none] = records(tree.spec);
  expect(none).toEqual([]);
  expect(first?.states).toContain('two ran');
  expect(idle?.states).toContain('two reused');

  buildOk([tree.spec], at);
  const [later, ...before] = records(tree.spec);
  expect(before).toEqual([first]);
  expect(later).toMatchObject({ id: idle?.id, states: idle?.states });
  expect(later?.startedMs).toBeGreaterThan(idle?.startedMs ?? 0);
  expect(later?.endedMs).toBeGreaterThanOrEqual(later?.startedMs ?? 0);

  tree.stage('two', 'echo second > /two');
  buildOk([tree.spec], at);
  buildOk([tree.spec], at);
  tree.stage('two', 'echo first > /two');
  // Nothing to do either, but not what the build before it was.
  buildOk([tree.spec], at);
  expect(records(tree.spec)).toHaveLength(5);
  expect(cambiumOk(['explain', 'two'], at).stdout).toContain('two');
});
