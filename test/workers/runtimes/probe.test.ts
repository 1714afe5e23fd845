/** Which runtime works, by real runs. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from 'vitest';
import { findRuntime, probeRuntimes } from '../../../src/workers/local/runtimes/index.ts';

test('at least one works; of the others it is said why they do not', async () => {
  const probes = await probeRuntimes();
  expect(probes.map(({ name }) => name)).toEqual(['crun', 'runc']);
  expect(probes.some(({ works }) => works)).toBe(true);
  for (const probe of probes) {
    if (probe.works)
      expect(probe).toMatchObject({ path: expect.any(String), version: expect.stringMatching(/^\d/) });
    else expect(probe.reason).toMatch(/^[^\n]+\.$/);
  }
});

test('the answer is remembered in a file', async () => {
  const dir = mkdtempSync(`${tmpdir()}/cambium-probe-test-`);
  try {
    const path = await findRuntime({ memory: `${dir}/sub/runtime.json` });
    expect(existsSync(path)).toBe(true);
    expect(JSON.parse(readFileSync(`${dir}/sub/runtime.json`, 'utf8'))).toMatchObject({ path });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
