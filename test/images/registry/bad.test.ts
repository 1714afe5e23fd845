/** Registries that answer nonsense, or nothing good: a clear error each, exit 3, and nothing left. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cambiumOk, startCambium } from '../../support/cli.ts';
import { type Front, startFront } from '../../support/front.ts';
import { leftovers } from '../../support/leftovers.ts';
import { run } from '../../support/registry-images.ts';
import { type Scratch, scratch, scratchOn } from '../../support/scratch.ts';

/** A registry in memory: bodies by path below /v2/app/. */
const served = new Map<string, Buffer>();
/** What it says that a path holds, where it says so. */
const types = new Map<string, string>();
let front: Front;
let place: Scratch;
let names = 0;
/** How the next blobs are given out. */
let manner: 'whole' | 'byte by byte' | 'slowly' | 'in drops' = 'whole';

const oci = 'application/vnd.oci.image';
const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

function serve(bytes: Buffer): { digest: string; size: number } {
  const digest = digestOf(bytes);
  served.set(`blobs/${digest}`, bytes);
  return { digest, size: bytes.length };
}

function tarOf(script: string): Buffer {
  names += 1;
  const dir = place.path(`tar-${names}`);
  run('bash', '-ec', `mkdir "$0"; cd "$0"; ${script}; [ -e "$0.tar" ] || tar -cf "$0.tar" .`, dir);
  return Buffer.from(run('base64', '-w0', `${dir}.tar`), 'base64');
}

/** Serves an image of one layer, changed as a case says; returns its tag. */
function image(
  change: {
    plain?: Buffer;
    diffId?: string;
    layer?: object;
    manifest?: object;
    config?: object;
    raw?: Buffer;
    /** The manifest's Content-Type. */
    type?: string;
    packed?: Buffer;
  } = {},
): string {
  names += 1;
  const plain = change.plain ?? tarOf('echo one > file');
  const packed = change.packed ?? gzipSync(plain);
  const diffIds = [change.diffId ?? digestOf(plain)];
  const config = serve(
    Buffer.from(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        rootfs: { type: 'layers', diff_ids: diffIds },
        names,
        ...change.config,
      }),
    ),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: `${oci}.manifest.v1+json`,
    config: { mediaType: `${oci}.config.v1+json`, ...config },
    layers: [{ mediaType: `${oci}.layer.v1.tar+gzip`, ...serve(packed), ...change.layer }],
    ...change.manifest,
  };
  served.set(`manifests/tag-${names}`, change.raw ?? Buffer.from(JSON.stringify(manifest)));
  if (change.type !== undefined) types.set(`manifests/tag-${names}`, change.type);
  return `tag-${names}`;
}

async function pull(tag: string, env: Record<string, string> = {}, store = place.path(`store-${tag}`)) {
  const name = `${front.host}/app:${tag}`;
  const options = { store, env: { HOME: place.dir, CAMBIUM_REGISTRY_TIMEOUT: '2', ...env } };
  const result = await startCambium(['image', 'pull', name], options).ended;
  return { ...result, options };
}

beforeAll(async () => {
  place = scratch();
  front = await startFront('127.0.0.1:1', async (asked, answer) => {
    const path = (asked.url as string).replace(/^\/v2\/(app\/)?/, '');
    const bytes = path === '' ? Buffer.from('{}') : served.get(path);
    if (bytes === undefined)
      answer.writeHead(404).end('{"errors":[{"code":"NOT_FOUND","message":"nothing here"}]}');
    else if (manner === 'in drops' && path !== '') {
      answer.writeHead(200, { 'content-length': bytes.length });
      for (let at = 0; at < bytes.length && !answer.destroyed; at++) {
        answer.write(bytes.subarray(at, at + 1));
        await sleep(50);
      }
      answer.end();
    } else if (manner === 'whole' || !path.startsWith('blobs/'))
      answer
        .writeHead(200, {
          'content-length': bytes.length,
          ...(types.has(path) && { 'content-type': types.get(path) }),
        })
        .end(bytes);
    else if (manner === 'slowly') {
      answer.writeHead(200, { 'content-length': bytes.length });
      for (let at = 0; at < bytes.length && !answer.destroyed; at += 65536) {
        answer.write(bytes.subarray(at, at + 65536));
        await sleep(30);
      }
      answer.end();
    } else {
      const at = Number(/bytes=(\d+)/.exec(asked.headers.range ?? '')?.[1] ?? 0);
      answer.writeHead(at === 0 ? 200 : 206, {
        'content-length': bytes.length - at,
        'content-range': `bytes ${at}-${bytes.length - 1}/${bytes.length}`,
      });
      answer.write(bytes.subarray(at, at + 1), () => setTimeout(() => answer.destroy(), 5));
    }
    return true;
  });
});
afterAll(async () => {
  await front[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

test('an image as it should be', async () => {
  expect(await pull(image())).toMatchObject({ code: 0 });
});

/** Folders that no path reaches: half of the way is behind a link. */
const deepTree = `n=$(printf 'n/%.0s' {1..1100}); n=\${n%/}; echo x > f; ln -s "$n" l
  tar -Pcf "$0.tar" --transform "s,^f,$n/f," f; tar -rf "$0.tar" l; tar -Prf "$0.tar" --transform "s,^f,l/$n/f," f`;

const zero = `sha256:${'0'.repeat(64)}`;
test.each<[string, () => string, RegExp, Record<string, string>?]>([
  [
    'a manifest of 50 MB',
    () => image({ raw: Buffer.alloc(50_000_000, ' ') }),
    /is bigger than 4194304 bytes/,
  ],
  ['a manifest that is a web page', () => image({ raw: Buffer.from('<html>hello</html>') }), /it is no JSON/],
  ['a manifest that is a number', () => image({ raw: Buffer.from('17') }), /it is no JSON/],
  ['a manifest without layers', () => image({ manifest: { layers: 'x' } }), /no configuration or layers/],
  [
    'a manifest that is an index too',
    () => image({ manifest: { manifests: [] } }),
    /a list of images at once/,
  ],
  [
    'a manifest that the registry takes for an index',
    () => image({ type: `${oci}.index.v1+json` }),
    /it calls itself \S+manifest\S+, and the registry calls it \S+index/,
  ],
  ['schema 1', () => image({ raw: Buffer.from('{"schemaVersion":1,"fsLayers":[]}') }), /before 2017/],
  [
    'what is no image',
    () =>
      image({ manifest: { config: { mediaType: 'application/vnd.chart', ...serve(Buffer.from('{}')) } } }),
    /is no image/,
  ],
  [
    'a foreign layer',
    () => image({ layer: { mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' } }),
    /registries don't keep/,
  ],
  [
    'a layer of another kind',
    () => image({ layer: { mediaType: 'application/x-squashfs' } }),
    /unknown type application\/x-squashfs/,
  ],
  ['a digest that is a path', () => image({ layer: { digest: '../../etc/passwd' } }), /is no sha256 digest/],
  ['a size that is none', () => image({ layer: { size: -1 } }), /has no size/],
  ['a layer that is not there', () => image({ layer: { digest: zero } }), /it says 404 \(nothing here\)/],
  ['a layer of another digest', () => image({ diffId: zero }), /is not what its digest says/],
  ['a layer that is longer than said', () => image({ layer: { size: 20 } }), /more bytes than the 20/],
  [
    'a layer that is shorter than said',
    () => image({ layer: { size: 100_000 } }),
    /ends the blob \S+ after \d+ of 100000/,
  ],
  [
    "a layer that isn't compressed as it is said",
    () =>
      image({
        packed: gzipSync(Buffer.from('no tar at all'.repeat(100))),
        diffId: digestOf(Buffer.from('no tar at all'.repeat(100))),
      }),
    /is broken|is no tar/,
  ],
  [
    'a layer with damaged compression',
    () => image({ packed: Buffer.from([0x1f, 0x8b, 8, 0, ...Array(200).fill(0xff)]) }),
    /damaged|is broken/,
  ],
  [
    'a layer that unfolds without end',
    () => image({ plain: Buffer.alloc(30_000_000) }),
    /unpacks to more than 10000000 bytes/,
    { CAMBIUM_MAX_LAYER_BYTES: '10000000' },
  ],
  [
    'a layer that leads out of its root',
    () => image({ plain: tarOf(`echo x > file; tar -Pcf "$0.tar" --transform 's,file,../../evil,' file`) }),
    /would lie outside/,
  ],
  [
    'more layers than the configuration tells of',
    () => image({ config: { rootfs: { diff_ids: [] } } }),
    /tell of different layers/,
  ],
  [
    'a thousand layers and one more',
    () =>
      image({
        manifest: {
          layers: Array(1001).fill({ mediaType: `${oci}.layer.v1.tar`, ...serve(Buffer.alloc(1024)) }),
        },
      }),
    /it has 1001 layers/,
  ],
  [
    'a path that is too long',
    () =>
      image({
        plain: tarOf(
          `n=$(printf 'n/%.0s' {1..3000}); echo x > f; tar -Pcf "$0.tar" --transform "s,f,$n/f," f`,
        ),
      }),
    /A path is longer than the system takes/,
  ],
  [
    'folders deeper than any path, and then one that leads out',
    () => image({ plain: tarOf(`${deepTree}; tar -Prf "$0.tar" --transform 's,f,../../evil,' f`) }),
    /would lie outside/,
  ],
  [
    'a configuration that is nonsense',
    () => image({ config: { rootfs: 7, history: 'x', config: 3 } }),
    /tell of different layers/,
  ],
])(
  '%s',
  async (_, tag, words, env = {}) => {
    const { code, stderr, options } = await pull(tag(), env);
    expect(stderr).toMatch(words);
    expect(code).toBe(3);
    expect(stderr).not.toMatch(/\n {4}at /);
    expect(readdirSync(`${options.store}/snapshots`)).toEqual([]);
    expect(leftovers(options.store)).toMatchObject({ mounts: [], runs: [] });
    expect(cambiumOk(['image', 'ls', '-aq'], options).stdout).toBe('');
  },
  30_000,
);

test('a registry that closes after each byte is given up', async () => {
  manner = 'byte by byte';
  const { code, stderr } = await pull(image());
  manner = 'whole';
  expect(stderr).toMatch(/breaks again and again/);
  expect(code).toBe(3);
}, 30_000);

test('a registry that gives a byte now and then is silent', async () => {
  manner = 'in drops';
  const { code, stderr } = await pull(image(), { CAMBIUM_REGISTRY_TIMEOUT: '0.3' });
  manner = 'whole';
  expect(stderr).toMatch(/silent for too long/);
  expect(code).toBe(3);
}, 60_000);

test('folders deeper than any path come in, and go again', async () => {
  const { code, options } = await pull(image({ plain: tarOf(deepTree) }));
  expect(code).toBe(0);
  expect(readdirSync(`${options.store}/snapshots`)).toHaveLength(1);
  cambiumOk(
    ['image', 'rm', ...cambiumOk(['image', 'ls', '-q'], options).stdout.split('\n').slice(0, 1)],
    options,
  );
  cambiumOk(['cache', 'prune', '-a'], options);
  expect(readdirSync(`${options.store}/snapshots`)).toEqual([]);
}, 30_000);

test('no space while a layer is fetched or unpacked: told, and all of it is free again', async () => {
  using disk = scratchOn('ext4', '60M');
  const big = image({ plain: tarOf('head -c 40000000 /dev/urandom > big') });
  const { code, stderr, options } = await pull(big, {}, disk.path('store'));
  expect(stderr).toMatch(/No space is left/);
  expect(code).toBe(3);
  expect(readdirSync(`${options.store}/snapshots`)).toEqual([]);
  expect(readdirSync(`${options.store}/run`)).toEqual([]);
});

test('no space for what a small layer unpacks to: the disk is to blame, not the layer', async () => {
  using disk = scratchOn('ext4', '60M');
  const big = image({ plain: tarOf('head -c 65000000 /dev/zero > big') });
  const { code, stderr, options } = await pull(big, {}, disk.path('store'));
  expect(stderr).toMatch(/No space is left/);
  expect(stderr).not.toMatch(/broken|made to fill/);
  expect(code).toBe(3);
  expect(readdirSync(`${options.store}/snapshots`)).toEqual([]);
  expect(readdirSync(`${options.store}/run`)).toEqual([]);
});

test('killed while it fetches: the next one finds a clean place', async () => {
  manner = 'slowly';
  const tag = image({ plain: tarOf('head -c 8000000 /dev/urandom > big') });
  const options = { store: place.path('killed'), env: { HOME: place.dir } };
  const { child, ended } = startCambium(['image', 'pull', `${front.host}/app:${tag}`], options);
  while (
    readFolder(`${options.store}/run`).flatMap((name) => readFolder(`${options.store}/run/${name}`))
      .length === 0
  )
    await sleep(20);
  child.kill('SIGKILL');
  await ended;
  manner = 'whole';
  expect(readFolder(`${options.store}/blobs/sha256`)).toEqual([]);
  expect(await pull(tag, {}, options.store)).toMatchObject({ code: 0, stderr: 'layer 1 of 1\n' });
  expect(readFolder(`${options.store}/run`)).toEqual([]);
});

function readFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
