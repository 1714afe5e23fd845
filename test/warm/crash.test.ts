/** A rebuild killed at any instant: the last image stays, the next rebuild is right, and nothing is left behind. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { killedWithin } from '../support/kill.ts';
import { inconsistencies, leftovers } from '../support/leftovers.ts';
import { cleanFiles, filesOf, makefile, type Project, project, rebuildOk } from './support/project.ts';

let own: Project;

beforeAll(() => {
  own = project();
});

afterAll(() => own[Symbol.dispose]());

test('killed at 15 random instants', { timeout: 240_000 }, async () => {
  own.write({
    Makefile: makefile,
    'src/main.c': 'main\n',
    'src/other.c': 'other\n',
    configure: 'echo CONFIGURE > config.status',
    '.dockerignore': 'Dockerfile\n',
    Dockerfile: 'FROM base\nWORKDIR /w\nCOPY . .\nRUN sh ./configure && make -s\nRUN cp out/app /app\n',
  });
  rebuildOk(own);
  // How long a rebuild takes here and now: each that ends before its kill says so anew.
  let wholeMs = 400;
  let killed = 0;
  for (let round = 1; killed < 15 && round < 200; round++) {
    own.write({ 'src/main.c': `main ${round}\n` });
    if (round % 5 === 0) own.write({ [`src/new${round}.c`]: 'new\n' });
    const { isKilled, tookMs } = await killedWithin(wholeMs, ['rebuild', '-t', 'app', '.'], own.at);
    if (isKilled) killed += 1;
    else wholeMs = tookMs;
    if (killed % 5 !== 4 || !isKilled) continue;
    rebuildOk(own);
    expect(filesOf(own)).toEqual(cleanFiles(own));
  }
  expect(killed).toBe(15);
  own.write({ 'src/main.c': 'last\n' });
  rebuildOk(own);
  const after = leftovers(own.at.store);
  expect(after.runs).toEqual([]);
  expect(after.processes).toEqual([]);
  expect(after.mounts).toEqual([]);
  expect(inconsistencies(own.at.store)).toEqual([]);
});
