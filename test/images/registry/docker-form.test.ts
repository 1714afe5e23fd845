/** Registries from before OCI: they take manifests and indexes as Docker has them, and say so each in its own way. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CliResult, startCambium } from '../../support/cli.ts';
import { startFront } from '../../support/front.ts';
import { startRegistry, type TestRegistry } from '../../support/registry.ts';
import { run, writeContext } from '../../support/registry-images.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

let place: Scratch;
let registry: TestRegistry;
let context: string;

beforeAll(async () => {
  place = scratch();
  registry = await startRegistry();
  context = writeContext(place.path('app'), 'FROM scratch\nCOPY one /one\nCOPY two /two\n', {
    one: 'one\n'.repeat(5000),
    two: 'two\n',
  });
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

const invalid = JSON.stringify({ errors: [{ code: 'MANIFEST_INVALID', message: 'manifest invalid' }] });
const startOld = (status: number, words: string) =>
  startFront(registry.host, (asked, answer) => {
    const isOci = asked.headers['content-type']?.startsWith('application/vnd.oci.image') === true;
    if (asked.method !== 'PUT' || !isOci) return false;
    asked.resume().on('end', () => answer.writeHead(status).end(words));
    return true;
  });

const cambium = (args: string[], store = 'store'): Promise<CliResult> =>
  startCambium(args, { store: place.path(store), cwd: place.dir }).ended;
const raw = (name: string) =>
  JSON.parse(run('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${registry.host}/${name}`));

test.each([
  ['400', 400, invalid],
  ['415', 415, 'unsupported media type'],
])('an image: refused with %s', async (name, status, words) => {
  await using old = await startOld(status, words);
  const pushed = await cambium(['build', context, '-t', `${old.host}/app:${name}`, '--push', '-q']);
  expect(pushed).toMatchObject({ code: 0 });
  const manifest = raw(`app:${name}`);
  expect(manifest.mediaType).toBe('application/vnd.docker.distribution.manifest.v2+json');
  expect(manifest.config.mediaType).toBe('application/vnd.docker.container.image.v1+json');
  expect(manifest.layers.map((layer: { mediaType: string }) => layer.mediaType)).toEqual(
    Array(2).fill('application/vnd.docker.image.rootfs.diff.tar.gzip'),
  );
  const pulled = await cambium(['image', 'pull', `${old.host}/app:${name}`], `pulled-${name}`);
  expect(pulled).toMatchObject({ code: 0 });
  // An image that came so goes on with the very manifest.
  const again = await cambium(
    ['image', 'push', `${old.host}/app:${name}`, `${old.host}/again:1`],
    `pulled-${name}`,
  );
  expect(again).toMatchObject({ code: 0 });
  expect(raw('again:1')).toEqual(manifest);
});

test('several platforms', async () => {
  await using old = await startOld(400, invalid);
  const platforms = ['--platform', 'linux/amd64,linux/arm64'];
  const pushed = await cambium(['build', context, ...platforms, '-t', `${old.host}/both:1`, '--push', '-q']);
  expect(pushed).toMatchObject({ code: 0 });
  const list = raw('both:1');
  expect(list.mediaType).toBe('application/vnd.docker.distribution.manifest.list.v2+json');
  const { architecture } = list.manifests[1].platform;
  const pulled = await cambium(
    ['image', 'pull', '--platform', `linux/${architecture}`, `${old.host}/both:1`],
    'pulled-both',
  );
  expect(pulled).toMatchObject({ code: 0 });
});

test('what that form has no name for is told', async () => {
  await using old = await startOld(400, invalid);
  const output = 'type=registry,compression=zstd,force-compression=true';
  const { code, stderr } = await cambium(['build', context, '-t', `${old.host}/zstd:1`, '-o', output]);
  expect(stderr).toMatch(/in Docker's form there are none of the type \S+zstd[\s\S]*compression=gzip/);
  expect(code).toBe(3);
});

test('one that refuses every form is told as it says it', async () => {
  await using none = await startFront(registry.host, (asked, answer) => {
    if (asked.method !== 'PUT' || !asked.url?.includes('/manifests/')) return false;
    asked.resume().on('end', () => answer.writeHead(400).end(invalid));
    return true;
  });
  const { code, stderr } = await cambium(['build', context, '-t', `${none.host}/none:1`, '--push']);
  expect(stderr).toContain('it says 400 (manifest invalid)');
  expect(code).toBe(3);
});
