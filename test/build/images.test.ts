/** Images that copy from others: built side by side, and a copy of the same content stops the wave. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildOk, cambium } from '../support/cli.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const places = { overlay: scratch(), btrfs: scratchOn('btrfs', '1G') };
const here = scratch();
afterAll(() => {
  for (const place of [...Object.values(places), here]) place[Symbol.dispose]();
});

function project(name: string, at: { store: string }) {
  buildOk([specTree(here.path('busybox')).spec, '-t', 'busybox'], at);
  const dir = here.path(name);
  mkdirSync(dir);
  const file = join(dir, 'cambium.ts');
  return {
    file,
    write: (text: string) =>
      writeFileSync(file, `import { command, copyFrom, image } from 'cambium';\n${text}\n`),
  };
}

describe.each(['overlay', 'btrfs'] as const)('on %s', (driver) => {
  const at = { store: places[driver].path('store') };

  test('the same content stops the wave, another one does not', () => {
    const { file, write } = project(`wave-${driver}`, at);
    const source = (script: string) =>
      write(`const tool = image({ base: 'busybox', stages: [command(${JSON.stringify(script)}, { name: 'tool' })] });
export default image({ base: 'busybox', stages: [
  copyFrom(tool, '/out', '/opt', { name: 'take' }), command('cat /opt/result > /final', { name: 'use' })] });`);
    source('mkdir /out; echo same > /out/result');
    expect(buildOk([file], at).ran).toEqual(expect.arrayContaining(['tool', 'take', 'use']));
    expect(buildOk([file], at).ran).toEqual([]);
    source('mkdir /out; echo same > /out/result; echo noise > /elsewhere');
    expect(buildOk([file], at).ran).toEqual(['tool']);
    expect(buildOk([file], at).ran).toEqual([]);
    source('mkdir /out; echo other > /out/result');
    expect(buildOk([file], at).ran).toEqual(['tool', 'take', 'use']);
  });

  test('independent images are built side by side', () => {
    const { file, write } = project(`side-${driver}`, at);
    write(`const one = (n: number) => image({ base: 'busybox', stages: [command('sleep 1; echo ' + n + ' > /n', { name: 'n' + n })] });
export default image({ base: 'busybox', stages: [1, 2, 3, 4].map((n) => copyFrom(one(n), '/n', '/n' + n)) });`);
    const run = buildOk([file, '--jobs', '4'], at);
    const started = run.events.flatMap((event) => (event.type === 'step-started' ? [event.step] : []));
    const firstDone = run.events.findIndex(
      (event) => event.type === 'step-done' && /image\d+:n\d/.test(event.step),
    );
    const before = run.events
      .slice(0, firstDone)
      .filter((event) => event.type === 'step-started' && /image\d+:n\d/.test(event.step));
    expect(before).toHaveLength(4);
    expect(started.length).toBeGreaterThanOrEqual(8);
  });

  test('a path that the other image has not is an error', () => {
    const { file, write } = project(`missing-${driver}`, at);
    write(`const tool = image({ base: 'busybox', stages: [command('true')] });
export default image({ base: 'busybox', stages: [copyFrom(tool, '/nothing', '/x')] });`);
    const result = cambium(['build', file], at);
    expect(result.code).toBe(2);
    expect(result.stderr).toMatch(/nothing/);
    expect(result.stderr).not.toContain('Internal');
  });
});
