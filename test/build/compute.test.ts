/** How much compute steps and runs get, over the real command line: limits, what is used, and turns for what isn't free. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Plan } from '../../src/plan/index.ts';
import { importBusybox } from '../support/busybox.ts';
import { build, buildOk, cambium, cambiumOk, readBuild, startCambium } from '../support/cli.ts';
import { scratch } from '../support/scratch.ts';
import { specTree } from '../support/spec-tree.ts';

const here = scratch();
const at = { store: here.path('store'), cwd: here.path('project') };
afterAll(() => here[Symbol.dispose]());
mkdirSync(at.cwd);
importBusybox(here.path('base'), { store: at.store });

const dockerfile = (...lines: string[]) =>
  writeFileSync(here.path('project/Dockerfile'), `${lines.join('\n')}\n`);
const seeLimits = `cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null
cat /sys/fs/cgroup/cpu*/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null
cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; true`;
const outputOf = ({ events }: ReturnType<typeof build>) =>
  events.flatMap((event) => (event.type === 'step-output' ? [event.text] : [])).join('');
const planOf = (...args: string[]) =>
  (JSON.parse(cambiumOk(['plan', '--json', ...args], at).stdout) as { plan: Plan }).plan;
const computes = (plan: Plan) =>
  Object.fromEntries(plan.steps.flatMap(({ id, compute }) => (compute ? [[id, compute]] : [])));

describe('what build files say', () => {
  test('a comment above RUN and one above FROM: the kernel has the limits, and no key changes', () => {
    const run = `RUN <<END\n${seeLimits}\nEND`;
    dockerfile('FROM base AS one', '# cambium: memory=64m cpus=0.5 pids=77', run);
    const first = buildOk([], at);
    expect(outputOf(first).split(/\s+/)).toEqual(
      expect.arrayContaining([String(64 * 2 ** 20), '50000', '78']),
    );
    dockerfile('# cambium: memory=32m', 'FROM base AS one', '# more', '# cambium: pids=9', run);
    expect(computes(planOf())).toEqual({ 'one.2': { memoryBytes: 32 * 2 ** 20, pids: 9 } });
    expect(buildOk([], at).ran).toEqual([]);
  });

  test('the flags of a build hold where the file says nothing', () => {
    dockerfile('FROM base', '# cambium: pids=33', `RUN <<END\n${seeLimits}\n: flags\nEND`);
    const seen = outputOf(buildOk(['--memory', '48m', '--pids', '44'], at)).split(/\s+/);
    expect(seen).toEqual(expect.arrayContaining([String(48 * 2 ** 20), '34']));
  });

  test('a step that needs more is killed: told with limit, peak, and where to change it', () => {
    dockerfile('FROM base', '# cambium: memory=24m', 'RUN head -c 200m /dev/zero | tail');
    const run = build([], at);
    expect(run.code).toBe(1);
    const failed = run.events.find((event) => event.type === 'step-failed');
    const limitBytes = 24 * 2 ** 20;
    expect(failed?.failure).toMatchObject({ reason: 'out-of-memory', memory: { limitBytes } });
    expect(failed?.failure.memory?.peakBytes).toBeGreaterThan(limitBytes * 0.9);
    expect(failed?.failure.hint).toContain('`memory=` in the build file');
    expect(failed?.usage?.peakMemoryBytes).toBeGreaterThan(limitBytes * 0.9);
  });

  test('specs: a word of Bash for the stage called next, a property in TypeScript', () => {
    const tree = specTree(here.path('tree'));
    tree.stage('app', 'true');
    tree.write(
      'spec/image.spec',
      'stage base\ncompute memory=1g cpus=1.5\ncompute pids=50\nstage app\nstage app\n',
    );
    expect(computes(planOf(tree.spec))).toEqual({ app: { memoryBytes: 2 ** 30, cpus: 1.5, pids: 50 } });
    tree.write(
      'cambium.ts',
      `import { command, image, stage } from 'cambium';
      export default image({ stages: [
        stage('base', { compute: { memory: '1g' } }),
        command('true', { compute: { cpus: 0.5, memory: 16777216, pids: 0 } }),
      ] });`,
    );
    expect(computes(planOf(tree.dir))).toEqual({
      base: { memoryBytes: 2 ** 30 },
      command: { cpus: 0.5, memoryBytes: 2 ** 24, pids: 0 },
    });
    tree.write('spec/image.spec', 'compute memory=much\nstage base\ncompute cpus=1\n');
    const wrong = cambium(['plan', tree.spec], at);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toMatch(/`much` of memory[\s\S]*No stage is called after this/);
  });

  test.each([
    ['memory=lots', /`lots` of memory is wrong.*such as 512m/],
    ['memory=100', /`100` of memory is wrong.*6m or more/],
    ['memroy=1g', /unknown word: memroy[\s\S]*Did you mean memory/],
    ['memory 1g', /can't be read at `memory 1g`/],
    ['', /can't be read/],
  ])('the comment `%s` is told as wrong', (comment, says) => {
    dockerfile('FROM base', `# cambium: ${comment}`, 'RUN true');
    const wrong = cambium(['plan'], at);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringMatching(says)]);
  });

  test('a comment above what runs nothing is told, not lost', () => {
    dockerfile('FROM base', '# cambium: memory=1g', 'ENV a=b');
    expect(cambium(['plan'], at)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('above this ENV'),
    });
  });
});

describe('what steps used', () => {
  test('is in the events, the table, the history; after three runs the plan says what is needed', () => {
    const busy =
      'RUN dd if=/dev/zero of=/big bs=1M count=40; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done';
    dockerfile('FROM base', busy);
    const run = buildOk(['--stats', '-t', 'used'], at);
    const done = run.events.findLast((event) => event.type === 'step-done');
    expect(done?.usage?.cpuMs).toBeGreaterThan(20);
    expect(done?.usage?.peakMemoryBytes).toBeGreaterThan(40 * 2 ** 20);
    for (let again = 0; again < 2; again++) {
      expect(cambiumOk(['plan'], at).stdout).not.toContain('NEEDS');
      const { stderr } = cambiumOk(['build', '--stats', '--no-cache'], at);
      expect(stderr).toMatch(
        /TIME +CPU +MEMORY +READ +WRITTEN\n.*RUN dd.* \d+\.\ds +\d+\.\d\ds +[45]\d\.\d MiB/,
      );
    }
    expect(cambiumOk(['plan'], at).stdout).toMatch(/NEEDS[\s\S]*memory=(48|64)m cpus=[\d.]+/);
    const history = cambiumOk(['image', 'history', '--stats', 'used'], at).stdout;
    expect(history).toMatch(/TIME +CPU +MEMORY[\s\S]* [45]\d\.\d MiB .*RUN .*dd/);
    expect(cambiumOk(['build', '--stats'], at).stderr).toContain('no command ran');
  });
});

describe('the budget', () => {
  const one = { ...at, env: { CAMBIUM_BUDGET_CPUS: '1', CAMBIUM_BUDGET_MEMORY: '1g' } };
  beforeEach(() => dockerfile('FROM base', 'RUN true', '# cambium: cpus=1', 'RUN echo turn'));

  test('doctor shows it', () => {
    expect(cambium(['doctor'], one).stdout).toMatch(/budget +1 core and 1.0 GiB of memory/);
    const wrong = cambium(['doctor'], { ...at, env: { CAMBIUM_BUDGET_MEMORY: '120%' } });
    expect(wrong).toMatchObject({
      code: 3,
      stdout: expect.stringContaining('CAMBIUM_BUDGET_MEMORY is `120%`'),
    });
  });

  test('more than there is: told at once, before anything runs; what is there already needs none', () => {
    dockerfile('FROM base', 'RUN echo first', '# cambium: memory=2g', 'RUN echo too much');
    const refused = build([], one);
    expect(refused.code).toBe(3);
    expect(refused.events.some(({ type }) => type === 'step-started')).toBe(false);
    expect(refused.events.at(-1)).toMatchObject({
      type: 'error',
      code: 'too-much-compute',
      message: expect.stringMatching(/gives 1.0 GiB of memory at most, and 2.0 GiB/),
      location: { line: 4 },
    });
    buildOk([], at);
    expect(buildOk([], one).ran).toEqual([]);
    expect(cambium(['run', '--cpus', '2', 'base', 'true'], one)).toMatchObject({ code: 3 });
  });

  /** A run that has the whole budget until the file `go` is there. */
  async function holder(name: string) {
    const dir = here.path(name);
    mkdirSync(dir);
    const script = 'touch /d/held; while [ ! -e /d/go ]; do sleep 0.05; done';
    const flags = ['--cpus', '1', '--memory', '100m', '-v', `${dir}:/d`];
    const started = startCambium(['run', ...flags, 'base', 'sh', '-c', script], one);
    await until(() => existsSync(`${dir}/held`));
    return { ...started, release: () => writeFileSync(`${dir}/go`, '') };
  }

  /** Starts a build that asks for what is taken, and waits until it says that it waits. */
  async function waiter() {
    const { child, ended } = startCambium(['build', '--no-cache', '--progress', 'json'], one);
    let seen = '';
    child.stdout?.on('data', (data: Buffer) => (seen += data.toString()));
    await until(() => seen.includes('"step-waiting"'));
    return { ended: ended.then(readBuild) };
  }

  async function until(holds: () => boolean): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!holds()) {
      if (Date.now() > deadline) throw new Error('it did not come about');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test('a step waits its turn behind another process, says why, and then runs', async () => {
    const held = await holder('turns');
    const waiting = await waiter();
    held.release();
    expect((await held.ended).code).toBe(0);
    const run = await waiting.ended;
    expect(run.code).toBe(0);
    const types = run.events.flatMap((event) =>
      'step' in event && event.step === 'stage-0.3' ? [event.type] : [],
    );
    expect(types).toEqual(['step-planned', 'step-waiting', 'step-started', 'step-output', 'step-done']);
    const told = run.events.find((event) => event.type === 'step-waiting');
    expect(told?.reason).toMatch(/^it needs 1 core; free beside cambium run \(process \d+\): nothing$/);
  });

  test('what a killed process had is free', async () => {
    const held = await holder('killed');
    const waiting = await waiter();
    held.child.kill('SIGKILL');
    expect((await waiting.ended).code).toBe(0);
  });
});
