/** What a run can be asked for beyond its command: an init, signals, ports, a root that stays as it is, limits. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { makeBox, processesWith } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());

/** A program that waits for its own children only. */
const orphans = [
  'awk',
  `BEGIN { for (i = 0; i < 3; i++) system("sleep 0.05 &"); system("sleep 0.5; grep -l ^State:.Z /proc/[0-9]*/status") }`,
];

test('an init reaps orphans; without one they stay as zombies', async () => {
  const below = await box.run(orphans, { init: true });
  expect(below).toMatchObject({ stdout: '', stderr: '' });
  const alone = await box.run(orphans);
  expect(alone.stdout.trim().split('\n')).toHaveLength(3);
});

test('below an init a program that is missing is told as without one', async () => {
  for (const init of [true, false]) {
    const ran = await box.run(['/bin/nosuch'], { init });
    expect(ran).toMatchObject({ stdout: '', stderr: '', result: { outcome: 'not-found', exitCode: 127 } });
    const folder = await box.run(['/etc'], { init });
    expect(folder).toMatchObject({ stderr: '', result: { outcome: 'not-found', exitCode: 126 } });
  }
});

test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
  '%s reaches the command, and one that ignores nothing ends by it',
  async (name) => {
    const ended = await box.run(['sleep', '30'], { init: true, onLaunch: (send) => send(name) });
    expect(ended.result).toMatchObject({ outcome: 'signal', signal: name });
  },
);

test('a command handles its signals, each as often as it is sent', async () => {
  let send: (signal: NodeJS.Signals) => void = () => {};
  let stdout = '';
  const script = `trap 'echo usr1' USR1; trap 'echo term; exit 7' TERM; echo ready; while :; do sleep 0.02; done`;
  const request = box.request(['sh', '-c', script], {
    init: true,
    onLaunch: (sender) => {
      send = sender;
    },
    onOutput: (_, text) => {
      stdout += text;
      if (text === 'ready\n' || stdout.endsWith('usr1\n')) send(stdout.length < 14 ? 'SIGUSR1' : 'SIGTERM');
    },
  });
  const { runContainer } = await import('../../../src/workers/local/runtimes/index.ts');
  expect(await runContainer(request)).toMatchObject({ outcome: 'exit', exitCode: 7 });
  expect(stdout).toBe('ready\nusr1\nusr1\nterm\n');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What a server says; undefined when nobody listens. */
function ask(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (data: Buffer) => (said += data.toString()));
    socket.on('error', () => resolve(undefined)).on('close', () => resolve(said));
  });
}

test('a port of the host leads into the run, and is free after it', async () => {
  const hostPort = await freePort();
  const ports = [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort, port: 80 }] as const;
  let answer: string | undefined;
  const ran = box.sh('echo hello | nc -l -p 80; sleep 0.2', { network: 'nat', ports });
  for (let tries = 0; tries < 200 && !answer; tries++) {
    answer = await ask(hostPort);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(answer).toBe('hello\n');
  expect((await ran).result).toMatchObject({ exitCode: 0 });
  expect(await ask(hostPort)).toBeUndefined();
});

test('a port that is taken is told, and nothing stays', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const hostPort = (server.address() as AddressInfo).port;
  const ports = [{ protocol: 'tcp', hostAddress: '127.0.0.1', hostPort, port: 80 }] as const;
  await expect(box.run(['true'], { network: 'nat', ports })).rejects.toMatchObject({
    code: 'port-not-free',
    message: expect.stringContaining(`127.0.0.1:${hostPort}/tcp`),
  });
  server.close();
  expect(processesWith(box.dir)).toEqual([]);
});

test('a root that stays as it is: only mounts can be written to', async () => {
  const { stdout, stderr } = await box.sh('echo a > /tmp/f && cat /tmp/f; echo b > /home/f', {
    readonlyRoot: true,
    mounts: [{ type: 'tmpfs', target: '/tmp', options: ['size=1m'] }],
  });
  expect(stdout).toBe('a\n');
  expect(stderr).toContain('Read-only file system');
});

test('options of a tmpfs hold', async () => {
  const mounts = [{ type: 'tmpfs', target: '/t', options: ['mode=700', 'noexec', 'size=8k'] }] as const;
  const { stdout, stderr } = await box.sh(
    'stat -c %a /t; cp /bin/busybox /t/b 2>/dev/null || echo full; echo "#!/bin/sh" > /t/s; chmod +x /t/s; /t/s',
    { mounts },
  );
  expect(stdout).toBe('700\nfull\n');
  expect(stderr).toContain('Permission denied');
});

test('a fork bomb ends at the limit that holds when none is asked for', async () => {
  const { result } = await box.sh('bomb() { bomb | bomb & }; bomb; sleep 1.5; exit 3', {
    timeoutMs: 60_000,
    limits: { memoryBytes: 600 * 2 ** 20, cpus: 1 },
  });
  expect(result.outcome === 'out-of-memory' ? 1 : result.usage.refusedPids).toBeGreaterThan(0);
});

test('processes beyond the limit are refused, and counted', async () => {
  const { result, stderr } = await box.sh('for i in 1 2 3 4 5 6 7 8; do sleep 1 & done', {
    limits: { pids: 5 },
  });
  expect(stderr).toMatch(/fork/);
  expect(result.usage.refusedPids).toBeGreaterThan(0);
});
