/** Copies that take from, or are made onto, what a warm rebuild made: they hold what changed, and nothing else. */
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from 'vitest';
import { cambiumOk } from '../support/cli.ts';
import { scratch, scratchOn } from '../support/scratch.ts';
import { cleanFiles, fileOf, filesOf, type Project, project, rebuildOk } from './support/project.ts';

let own: Project;
afterEach(() => own[Symbol.dispose]());

const layers = () =>
  (
    JSON.parse(cambiumOk(['image', 'inspect', 'app'], own.at).stdout)[0] as {
      layers: { digest: string; sizeBytes: number }[];
    }
  ).layers;
const rebuildBig = () => rebuildOk(own, '-f', own.path('big.dockerfile'));

/** Waits until files that are written get times of another second: the kernel's clock for them is some milliseconds late. */
async function nextSecond(): Promise<void> {
  const secondOfFile = () => {
    own.write({ '../clock': '' });
    return Math.floor(statSync(own.path('../clock')).mtimeMs / 1000);
  };
  for (const now = secondOfFile(); secondOfFile() === now; ) await sleep(10);
}

test.each(['overlay', 'btrfs'] as const)('on %s a layer holds what changed of 4 MB', async (driver) => {
  own = project(driver === 'btrfs' ? scratchOn('btrfs', '1G') : scratch());
  const many = Object.fromEntries(
    Array.from({ length: 80 }, (_, at) => [`src/many/f${at}`, `${at}`.repeat(50_000)]),
  );
  own.write({
    ...many,
    'src/sub/in': 'in\n',
    note: 'one\n',
    '.dockerignore': '*ockerfile\n',
    'big.dockerfile': `FROM base AS made
WORKDIR /w
COPY src src
RUN mkdir -p out && cp -ru src/. out/
FROM base
COPY note /note
RUN cat /note >/told
COPY src/many /assets
COPY --from=made --chown=7:8 /w/out /out/
`,
  });
  rebuildBig();
  const first = layers();
  const changes: [string, () => void][] = [
    ['a file of the stage', () => own.write({ 'src/many/f7': 'seven\n' })],
    ['what the second copy is made onto', () => own.write({ note: 'two\n' })],
    ['a file that both have', () => own.write({ 'src/many/f8': 'eight\n', 'src/sub/new': 'new\n' })],
  ];
  for (const [what, change] of changes) {
    const before = new Set(layers().map(({ digest }) => digest));
    // For `cp -u` of busybox a file is newer than a copy of it when it is of a later second.
    await nextSecond();
    change();
    rebuildBig();
    const now = layers();
    expect(now.length, what).toBeLessThanOrEqual(first.length + 8);
    const fresh = now.filter(({ digest }) => !before.has(digest));
    expect(fresh.length, what).toBeGreaterThan(0);
    // An archive of a few small files.
    for (const { sizeBytes } of fresh) expect(sizeBytes, what).toBeLessThan(100_000);
  }
  expect(fileOf(own, 'out/many/f8')).toBe('eight\n');
  expect(filesOf(own)).toEqual(cleanFiles(own, '-f', own.path('big.dockerfile')));
  rmSync(own.path('src/sub'), { recursive: true });
  own.write({ 'src/sub': 'a file now\n' });
  rmSync(own.path('src/many/f9'));
  mkdirSync(own.path('src/many/f9'));
  own.write({ 'src/many/f9/deep': 'deep\n', note: 'three\n' });
  rebuildBig();
  expect(filesOf(own)).toEqual(cleanFiles(own, '-f', own.path('big.dockerfile')));
});
