/** How runs end: exit codes, signals, limits, time-outs, cancellation; and their output. */
import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { runContainer } from '../../../src/workers/local/runtimes/index.ts';
import { cgroupsOf, makeBox, processesWith } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());
const mib = 1024 * 1024;

describe('ends', () => {
  test('exit codes and signals', async () => {
    expect((await box.sh('exit 0')).result).toMatchObject({ outcome: 'exit', exitCode: 0 });
    expect((await box.sh('exit 3')).result).toMatchObject({ outcome: 'exit', exitCode: 3 });
    expect((await box.sh('exit 255')).result).toMatchObject({ outcome: 'exit', exitCode: 255 });
    expect((await box.sh('sh -c "kill -TERM \\$\\$"; exit $?')).result).toMatchObject({
      outcome: 'signal',
      signal: 'SIGTERM',
    });
  });

  test('what can not be started is told in words, without the words of the runtime', async () => {
    const missing = await box.run(['nonesuch']);
    expect(missing.result).toMatchObject({
      outcome: 'not-found',
      message: 'nonesuch was not found in the folders of PATH.',
    });
    expect(missing.stderr).toBe('');
    writeFileSync(`${box.rootfs}/bin/script`, '#!/bin/nonesuch\n');
    expect((await box.run(['/bin/script'])).result).toMatchObject({ outcome: 'not-found' });
    chmodSync(`${box.rootfs}/bin/script`, 0o755);
    const script = await box.run(['/bin/script']);
    expect(script.result).toMatchObject({
      outcome: 'not-found',
      message: expect.stringContaining('interpreter'),
    });
    expect(script.stderr).toBe('');
    expect((await box.run(['true'], { cwd: '/bin/busybox' })).result).toMatchObject({ outcome: 'not-found' });
  });

  test('a command that says what a runtime would say keeps its output', async () => {
    const { stderr, result } = await box.sh('echo "exec /bin/sh: no" >&2; exit 4');
    expect(stderr).toBe('exec /bin/sh: no\n');
    expect(result).toMatchObject({ outcome: 'exit', exitCode: 4 });
  });

  test('children in the background end with it and hold nothing up', async () => {
    const before = performance.now();
    const { result, stdout } = await box.sh('sleep 4242 & echo started; exec true');
    expect(performance.now() - before).toBeLessThan(3000);
    expect(stdout).toBe('started\n');
    expect(result.outcome).toBe('exit');
    expect(processesWith('sleep\x004242')).toEqual([]);
  });

  test('closing output early loses nothing of the exit code', async () => {
    expect((await box.sh('exec >&- 2>&-; sleep 0.2; exit 7')).result).toMatchObject({ exitCode: 7 });
  });
});

describe('limits', () => {
  test('out of memory is told with limit and peak', async () => {
    const { result } = await box.sh('head -c 200m /dev/zero | sort > /dev/null', {
      limits: { memoryBytes: 64 * mib },
    });
    expect(result).toMatchObject({ outcome: 'out-of-memory', limitBytes: 64 * mib });
    if (result.outcome !== 'out-of-memory') throw new Error('unreachable');
    expect(result.peakBytes).toBeGreaterThan(60 * mib);
    expect(result.peakBytes).toBeLessThanOrEqual(64 * mib);
  });

  test('a memory limit too small to start in is told as such', async () => {
    const { result } = await box.sh('true', { limits: { memoryBytes: mib / 16 } });
    expect(result.outcome).toBe('out-of-memory');
  });

  test('a fork bomb stays bounded', async () => {
    const { stdout, stderr } = await box.sh(
      'for i in $(seq 60); do sleep 3 & done; ls -d /proc/[0-9]* | wc -l',
      {
        limits: { pids: 20 },
      },
    );
    expect(stderr).toMatch(/fork|Resource temporarily unavailable/);
    expect(Number(stdout || '0')).toBeLessThanOrEqual(20);
  });

  test('cpus bound the time used', async () => {
    const { result } = await box.sh('i=0; while [ $i -lt 1000000000 ]; do i=$((i+1)); done', {
      limits: { cpus: 0.25 },
      timeoutMs: 1500,
    });
    expect(result.outcome).toBe('timeout');
    expect(result.usage.cpuMs).toBeLessThan(result.usage.wallMs * 0.45);
    expect(result.usage.cpuMs).toBeGreaterThan(100);
  });

  test('usage is told', async () => {
    const { result } = await box.sh('yes abc | head -c 4m | sort > /dev/null');
    expect(result.usage.peakMemoryBytes).toBeGreaterThan(20 * mib);
    expect(result.usage.cpuMs).toBeGreaterThan(1);
    expect(result.usage.wallMs).toBeGreaterThan(5);
  });
});

describe('stops', () => {
  const tree =
    'sh -c "sleep 5151 & setsid sleep 5151 2>/dev/null & sleep 5151" & echo up; trap "" TERM INT; sleep 5151; sleep 5151';

  test('a time-out ends the whole tree', async () => {
    const request = box.request(['sh', '-c', tree], { timeoutMs: 400 });
    const result = await runContainer(request);
    expect(result).toMatchObject({ outcome: 'timeout', timeoutMs: 400 });
    expect(result.usage.wallMs).toBeLessThan(2000);
    expect(processesWith('5151')).toEqual([]);
    expect(cgroupsOf(request.id)).toEqual([]);
  });

  test('cancelling ends the whole tree before the promise resolves', async () => {
    const controller = new AbortController();
    const request = box.request(['sh', '-c', tree], {
      signal: controller.signal,
      onOutput: () => controller.abort(),
    });
    const result = await runContainer(request);
    expect(result.outcome).toBe('cancelled');
    expect(processesWith('5151')).toEqual([]);
    expect(processesWith(request.id)).toEqual([]);
    expect(cgroupsOf(request.id)).toEqual([]);
  });

  test('cancelling at any instant leaves nothing', async () => {
    for (let delay = 0; delay < 60; delay += 4) {
      const controller = new AbortController();
      const request = box.request(['sleep', '6161'], { signal: controller.signal });
      const run = runContainer(request);
      await sleep(delay);
      controller.abort();
      expect((await run).outcome).toBe('cancelled');
      expect(processesWith(request.id)).toEqual([]);
      expect(cgroupsOf(request.id)).toEqual([]);
    }
    expect(processesWith('6161')).toEqual([]);
  });

  test('a signal that is already aborted starts nothing', async () => {
    const { result } = await box.sh('touch /tmp/ran', { signal: AbortSignal.abort() });
    expect(result.outcome).toBe('cancelled');
    expect((await box.sh('ls /tmp')).stdout).toBe('');
  });
});

describe('output', () => {
  test('50 MB arrive intact', async () => {
    const hash = createHash('sha256');
    const script =
      'seq 1 7000000 | head -c 52428800 > /tmp/big; sha256sum /tmp/big | cut -c1-64 >&2; cat /tmp/big; rm /tmp/big';
    let length = 0;
    let told = '';
    const result = await runContainer({
      ...box.request(['sh', '-c', script]),
      onOutput: (stream, text) => {
        if (stream === 'stderr') told += text;
        else {
          hash.update(text);
          length += text.length;
        }
      },
    });
    expect(result).toMatchObject({ exitCode: 0 });
    expect(length).toBe(50 * mib);
    expect(hash.digest('hex')).toBe(told.trim());
  });

  test('characters cut by chunk borders stay whole', async () => {
    // Three bytes a character never divide a pipe's buffer evenly.
    const { stdout } = await box.sh(
      `printf x; awk 'BEGIN { for (i = 0; i < 300000; i++) printf "\\342\\202\\254" }'`,
    );
    expect(stdout).toBe(`x${'€'.repeat(300_000)}`);
    expect((await box.sh("printf '\\342'; sleep 0.2; printf '\\202\\254'")).stdout).toBe('€');
  });

  test('arguments keep their bytes', async () => {
    const strange = 'a b\n"c" \\ $HOME €';
    expect((await box.run(['printf', '%s', strange])).stdout).toBe(strange);
  });

  test('input is empty', async () => {
    expect((await box.sh('wc -c')).stdout.trim()).toBe('0');
  });
});

test('many at once do not disturb each other', async () => {
  const boxes = Array.from({ length: 8 }, makeBox);
  try {
    const runs = await Promise.all(
      boxes.map((each, index) =>
        each.sh(
          `echo ${index}; ${index % 2 ? 'yes abc | head -c 4m | sort > /dev/null; ' : ''}exit ${index}`,
          {
            limits: { memoryBytes: index % 2 ? 16 * mib : 256 * mib },
          },
        ),
      ),
    );
    for (const [index, { result, stdout }] of runs.entries()) {
      expect(stdout).toBe(`${index}\n`);
      if (index % 2) expect(result.outcome).toBe('out-of-memory');
      else expect(result).toMatchObject({ outcome: 'exit', exitCode: index });
    }
  } finally {
    for (const each of boxes) each[Symbol.dispose]();
  }
});
