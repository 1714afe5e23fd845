/** Live builders: what a step leaves running is there in the next rebuild, and images are taken from among it. */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { liveBuilders } from '../../src/store/live.ts';
import { openStore } from '../../src/store/store.ts';
import { cambium, cambiumOk, startCambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { startDev } from './support/dev.ts';
import { cleanFiles, fileOf, filesOf, type Project, project, rebuild, rebuildOk } from './support/project.ts';

/** Counts in its memory how often it was asked. */
const daemon = `n=0
while :; do read line < /run/ask; n=$((n+1)); echo "$n $line" > /run/answer; done
`;
/** Starts it where it isn't there, asks it, and keeps the answer. \`text\` may hold commands. */
const script = `set -e
if [ ! -e /run/pid ] || ! kill -0 "$(cat /run/pid)" 2>/dev/null; then
  mkdir -p /run && rm -f /run/ask /run/answer && mkfifo /run/ask /run/answer
  sh /app/daemon & echo $! > /run/pid
fi
line=$(cat /app/text)
echo "$line" > /run/ask
read answer < /run/answer
echo "$answer" > /answer
sh -e /app/commands
`;
const dockerfile = 'FROM base\nWORKDIR /app\nCOPY . .\nRUN sh script\n';

let shared: Project;
const files = { daemon, script, text: 'a\n', commands: '', Dockerfile: dockerfile };

function begin(place = scratch()): void {
  shared = project(place);
  shared.write(files);
}
const live = (text: string, ...args: string[]) => {
  shared.write({ text: `${text}\n` });
  return rebuildOk(shared, '--live', ...args);
};
const answer = () => fileOf(shared, 'answer').trim();
const inside = (...command: string[]) => cambium(['shell', '--live', '--', ...command], shared.at);
/** Ends the first process of the live builder, from outside. */
function endFirst(): void {
  const store = openStore(shared.at.store);
  const [found] = liveBuilders(store);
  store.close();
  process.kill((JSON.parse(found?.resident ?? '') as { pid: number }).pid, 'SIGKILL');
}
const runs = () => readdirSync(`${shared.at.store}/run`).filter((name) => name.endsWith('.lock'));

afterEach(() => {
  cambium(['dev', '--clean', '.'], shared.at);
  shared[Symbol.dispose]();
});

describe.each(['overlay', 'btrfs'] as const)('on %s', (driver) => {
  beforeEach(() => begin(driver === 'btrfs' ? scratchOn('btrfs', '600M') : scratch()));

  test('a daemon goes on from rebuild to rebuild, a failure keeps the image, and all of it can be ended', () => {
    live('a');
    live('b');
    expect(answer()).toBe('1 b');
    live('c');
    expect(answer()).toBe('2 c');
    expect(inside('cat', '/answer').stdout).toBe('2 c\n');

    shared.write({ commands: 'touch /half; echo no; exit 4\n', text: 'd\n' });
    const failed = rebuild(shared, '--live');
    expect(failed).toMatchObject({ code: 1 });
    expect(failed.printed).toContain('no');
    expect(answer()).toBe('2 c');
    expect(inside('cat', '/answer').stdout).toBe('3 d\n');

    expect(cambiumOk(['dev', '--reset', '.'], shared.at).stderr).toContain('1 live builder ended');
    expect(inside('true').code).toBe(2);
    shared.write({ commands: '' });
    live('e');
    expect(answer()).toBe('1 e');
    expect(filesOf(shared).some((line) => line.includes('half'))).toBe(false);

    cambiumOk(['dev', '--clean', '.'], shared.at);
    const left = leftovers(shared.at.store);
    expect(left).toMatchObject({ mounts: [], processes: [], runs: [] });
    expect(left.cgroups.filter((group) => group.endsWith('-live'))).toEqual([]);
  }, 180_000);

  test('snapshots hold all that changed, and nothing that was there only before', () => {
    const phases = [
      'mkdir -p d/e link2; echo 1 > d/e/f; ln d/e/f hard; ln -s d link; echo x > constructor',
      'rm -r d; mkdir d; echo 2 > d/g; rm hard link; ln d/g hard; mkdir link; chmod 700 link; rm -r /app/gone',
      'rm -r d link; echo 3 > d; echo 4 > link; mv link2 moved; mkdir /app/gone; rm constructor',
      'rm -r d link moved hard; mkdir -p d/e link2; echo 1 > d/e/f; ln d/e/f hard; ln -s d link; mkfifo pipe',
    ];
    // From nothing, all phases run one after the other: live, only those that are new.
    const commands = (count: number) =>
      phases
        .slice(0, count)
        .map((phase, at) => `[ -e /w/done-${at} ] || { ${phase}; touch /w/done-${at}; }\n`)
        .join('');
    const lasting = 'sleep 1000 &\nmkdir -p /w; cd /w; sh -e /app/commands\n';
    shared.write({ script: lasting, 'gone/file': 'x', 'gone/kept': 'y' });
    rebuildOk(shared, '--live');
    for (const [at] of phases.entries()) {
      shared.write({ commands: commands(at + 1) });
      rebuildOk(shared, '--live');
      expect(filesOf(shared)).toEqual(cleanFiles(shared));
    }
    expect(inside('ls', '/w').stdout).toContain('pipe');
  }, 180_000);
});

describe('a live builder', () => {
  beforeEach(() => begin());

  test('whose command was under way when its rebuild was killed is not trusted any more', async () => {
    live('a');
    live('b');
    shared.write({ commands: 'touch /started; while :; do sleep 1; done\n' });
    const { child } = startCambium(['rebuild', '--live', '-t', 'app', '.'], shared.at);
    await expect.poll(() => inside('cat', '/started').code, { timeout: 30_000 }).toBe(0);
    child.kill('SIGKILL');
    await once(child, 'exit');
    shared.write({ commands: '' });
    live('c');
    expect(answer()).toBe('1 c');
    expect(filesOf(shared).some((line) => line.includes('started'))).toBe(false);
    expect(runs()).toHaveLength(1);
  }, 120_000);

  test('outlives dev, also one that is killed, and is found again', async () => {
    await using dev = startDev(shared, '--live', '.');
    await dev.next('rebuilt');
    shared.write({ text: 'b\n' });
    await dev.next('rebuilt', ({ isNew }) => isNew);
    expect(answer()).toBe('1 b');
    await dev.end('SIGKILL');
    live('c');
    expect(answer()).toBe('2 c');
    expect(cambiumOk(['doctor', '--json'], shared.at).stdout).toContain(`of ${shared.path('Dockerfile')}`);
    cambiumOk(['doctor', '--repair'], shared.at);
    live('d');
    expect(answer()).toBe('3 d');
  }, 120_000);

  test('that ended by itself is begun anew; so is one whose base lost a file, and one with other limits', async () => {
    live('a');
    live('b');
    endFirst();
    expect(live('c').code).toBe(0);
    expect(answer()).toBe('1 c');
    live('d', '--memory', '200m');
    expect(answer()).toBe('1 d');
    const limit = inside(
      'sh',
      '-c',
      'cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max',
    );
    expect(limit.stdout.trim()).toBe(String(200 * 1024 * 1024));
  }, 120_000);

  test('is not for steps with secrets, and they are told so', () => {
    shared.write({
      secret: 's',
      Dockerfile: 'FROM base\nWORKDIR /app\nCOPY . .\nRUN --mount=type=secret,id=s cp text /answer\n',
    });
    const secret = ['--secret', `id=s,src=${shared.path('secret')}`];
    live('a', ...secret);
    const { events } = live('b', ...secret);
    const reasons = events.flatMap((event) => (event.type === 'step-started' ? [event.reason] : []));
    expect(reasons.join()).toContain('not live: it has secrets');
    expect(runs()).toEqual([]);
  }, 120_000);

  test('has a fork of each cache: what it does there is in no other build', () => {
    shared.write({
      script: 'sleep 1000 & cat /cache/* > /answer 2>/dev/null; cat text >> /cache/all\n',
      Dockerfile: 'FROM base\nWORKDIR /app\nCOPY . .\nRUN --mount=type=cache,target=/cache sh script\n',
    });
    live('a');
    live('b');
    live('c');
    expect(answer()).toBe('a\nb');
    cambiumOk(['dev', '--clean', '.'], shared.at);
    live('d');
    expect(answer()).toBe('a');
  }, 120_000);
});
