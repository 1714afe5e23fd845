/** What a stage with the right to mount can't do, over the real command line. */
import { afterAll, expect, test } from 'vitest';
import { build } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const here = scratch();
const at = { store: here.path('store') };
afterAll(() => here[Symbol.dispose]());

test('its own script in the store stays as it is, whatever it remounts', () => {
  const tree = specTree(here.path('tree'));
  tree.stage(
    'writes',
    `mount -o remount,rw,bind /build || true
     mount -o remount,rw /build || true
     if echo '# changed' >> /build/stages/writes/apply.sh; then echo WRITTEN; fi
     if touch /build/stages/writes/new; then echo WRITTEN; fi`,
    'apply',
  );
  tree.stages('base', 'writes');
  const run = build([tree.spec], at);
  expect(run.code, run.stderr).toBe(0);
  const output = run.events.flatMap((event) => (event.type === 'step-output' ? [event.text] : [])).join('');
  expect(output).toContain('Read-only file system');
  expect(output).not.toContain('WRITTEN');
});
