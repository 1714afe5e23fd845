/**
 * Builds a plan of 20 branches that need not wait for each other, twenty steps at once, and a copy from each:
 *   node independent-plan.cjs STORE TEXT
 */
import { buildPlan } from '../../src/build/index.ts';
import type { Plan, RunOp, Step, StepId } from '../../src/plan/index.ts';
import { openStore } from '../../src/store/store.ts';
import { createLocalWorker } from '../../src/workers/local/index.ts';

const [storeDir, text] = process.argv.slice(2) as [string, string];
const id = (name: string) => name as StepId;
const base = id('base');

function run(script: string): RunOp {
  return {
    type: 'run',
    argv: ['/bin/sh', '-ec', script],
    env: { PATH: '/bin' },
    cwd: '/',
    user: '',
    root: { type: 'snapshot', path: '/' },
    mounts: [],
    network: 'host',
    security: 'default',
  };
}

const numbers = Array.from({ length: 20 }, (_, index) => index + 1);
const branches = numbers.flatMap((number): Step[] => {
  const [first, second] = [id(`a${number}`), id(`b${number}`)];
  const step = (from: StepId, name: StepId, script: string): Step => ({
    id: name,
    stage: `s${number}`,
    title: script,
    base: from,
    op: run(script),
  });
  return [
    step(base, first, `echo ${text} ${number} > /a; sleep 1`),
    step(first, second, `echo ${number} > /b`),
  ];
});
const gather: Step = {
  id: id('gather'),
  stage: 'gather',
  title: 'gather',
  base,
  op: {
    type: 'copy',
    copies: numbers.map((number) => ({
      from: { type: 'step', step: id(`b${number}`) },
      paths: ['b'],
      dest: `/out/b${number}`,
    })),
  },
};
const plan: Plan = {
  version: 1,
  steps: [
    {
      id: base,
      stage: 'base',
      title: 'base',
      op: { type: 'source', source: { type: 'image', reference: 'bench-base:1' } },
    },
    ...branches,
    gather,
  ],
  result: gather.id,
  image: { root: '/', config: {}, platform: { os: 'linux', architecture: 'amd64' } },
};

async function main(): Promise<void> {
  const store = openStore(storeDir);
  const worker = createLocalWorker(store);
  try {
    const result = await buildPlan({
      ...{ store, worker, plan, buildFile: 'independent', jobs: 20, limits: {} },
      ...{ signal: new AbortController().signal, isMain: true, holdsResult: false },
      onEvent: (event) => console.log(JSON.stringify(event)),
    });
    if (result.outcome !== 'done') process.exitCode = 1;
  } finally {
    worker.close();
    store.close();
  }
}

void main();
