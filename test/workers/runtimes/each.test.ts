/** What must be the same whichever runtime carries out a run. */
import { afterAll, describe, expect, test } from 'vitest';
import { removeCgroups } from '../../../src/workers/local/runtimes/index.ts';
import { probeRuntimes } from '../../../src/workers/local/runtimes/probe.ts';
import { runWith } from '../../../src/workers/local/runtimes/run.ts';
import type { RunRequest } from '../../../src/workers/local/runtimes/types.ts';
import { cgroupsOf, makeBox } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());
const mib = 1024 ** 2;
const working = (await probeRuntimes()).filter(({ works }) => works);

describe.each(working.map(({ name, path }) => [name, path as string]))('%s', (_, path) => {
  const sh = async (script: string, rest: Partial<RunRequest> = {}) => {
    let output = '';
    const request = box.request(['sh', '-c', script], rest);
    const result = await runWith(path, {
      ...request,
      onOutput: (stream, text) => {
        output += `${stream === 'stderr' ? '!' : ''}${text}`;
      },
    });
    expect(cgroupsOf(request.id)).toEqual([]);
    expect(await removeCgroups(request.id)).toEqual([]);
    return { result, output };
  };

  test('tells exit codes, and the first run like the second', async () => {
    for (const code of [0, 3]) {
      const { result, output } = await sh(`echo out; exit ${code}`);
      expect(result).toMatchObject({ outcome: 'exit', exitCode: code });
      expect(output).toBe('out\n');
    }
  });

  test('keeps to the limits of memory, processes and processor', async () => {
    const memory = { memoryBytes: 32 * mib };
    const full = await sh('head -c 100m /dev/zero | sort > /dev/null', { limits: memory });
    expect(full.result).toMatchObject({ outcome: 'out-of-memory', limitBytes: 32 * mib });
    const processes = 'for i in $(seq 30); do sleep 1 & done; ls -d /proc/[0-9]* | wc -l';
    const { output } = await sh(processes, { limits: { pids: 10 } });
    const counted = Number(output.split('\n').find((line) => /^\d+$/.test(line)) ?? 0);
    expect(counted).toBeLessThanOrEqual(10);
    const busy = await sh('(while :; do :; done) & sleep 0.6; kill $!', { limits: { cpus: 0.2 } });
    expect(busy.result.usage.cpuMs).toBeLessThan(400);
  });

  test('gives the usual devices and no other, and shows the own cgroup alone', async () => {
    const { output } = await sh(
      `echo x > /dev/null && head -c 1 /dev/zero | wc -c
       rm -f /tmp/disk; mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk 2>&1 >/dev/null
       cat /proc/self/cgroup | grep -c cambium
       touch /sys/fs/cgroup/x /sys/fs/cgroup/*/x 2>/dev/null && ls /sys/fs/cgroup/x /sys/fs/cgroup/*/x`,
    );
    expect(output).toMatch(/^1\n[^\n]*not permitted\n0\n$/);
  });

  test('compiles no other filter than the one that was asked for', async () => {
    for (const [security, code] of [
      ['default', 1],
      ['builder', 0],
      ['default', 1],
    ] as const) {
      const { result } = await sh('unshare -m true 2>/dev/null', { security });
      expect(result).toMatchObject({ outcome: 'exit', exitCode: code });
    }
  });
});
