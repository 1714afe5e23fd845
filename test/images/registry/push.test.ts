/** Images sent to a real registry: others read what arrives, and only what is new travels. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliOptions, cambium, cambiumOk } from '../../support/cli.ts';
import { startDockerd } from '../../support/dockerd.ts';
import { startRegistry, type TestRegistry } from '../../support/registry.ts';
import { makeLayout, run, skopeo, writeContext } from '../../support/registry-images.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

let place: Scratch;
let registry: TestRegistry;
let other: TestRegistry;
let store: CliOptions;
let names = 0;
const nextName = () => {
  names += 1;
  return `n${names}`;
};
const at = (name: string) => `${registry.host}/${name}`;

interface RawManifest {
  mediaType: string;
  config: { digest: string };
  layers: { digest: string; mediaType: string; size: number }[];
}

const rawManifest = (name: string): RawManifest =>
  JSON.parse(run('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`));
const digestOf = (name: string) =>
  `sha256:${createHash('sha256')
    .update(run('skopeo', 'inspect', '--raw', '--tls-verify=false', `docker://${name}`))
    .digest('hex')}`;
const diffIds = (name: string): string[] =>
  JSON.parse(run('skopeo', 'inspect', '--config', '--tls-verify=false', `docker://${name}`)).rootfs.diff_ids;

function sent(body: () => void): string[] {
  const before = registry.requests().length;
  body();
  return registry
    .requests()
    .slice(before)
    .filter((line) => line !== 'GET /v2/');
}

/** A context of two layers: one that is big and stays, one small. */
function project(name: string, small = 'small'): string {
  const big = Buffer.concat([
    Buffer.alloc(3_000_000, `${name} text `),
    createHash('sha512').update(name).digest(),
  ]);
  return writeContext(place.path(name), 'FROM scratch\nCOPY big /big\nCOPY small /small\n', { big, small });
}

beforeAll(async () => {
  place = scratch();
  [registry, other] = await Promise.all([startRegistry(), startRegistry()]);
  store = { store: place.path('store') };
});
afterAll(async () => {
  for (const each of [registry, other]) await each[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

describe('a build with -o type=registry', () => {
  test.each(['gzip', 'zstd', 'uncompressed'])('others read what arrives: %s', (compression) => {
    const name = nextName();
    const to = at(`${name}:1`);
    const metadata = place.path(`${name}.json`);
    const output = `type=registry,compression=${compression}`;
    cambiumOk(['build', project(name), '-t', to, '-o', output, '--metadata-file', metadata], store);
    const { mediaType, layers } = rawManifest(to);
    expect(mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
    const suffix = compression === 'uncompressed' ? '' : `+${compression}`;
    expect(layers.map((layer) => layer.mediaType)).toEqual(
      Array(2).fill(`application/vnd.oci.image.layer.v1.tar${suffix}`),
    );
    expect(JSON.parse(readFileSync(metadata, 'utf8'))['containerimage.digest']).toBe(digestOf(to));
    // skopeo checks all digests; unpacked by it, the layers are those that the configuration tells of.
    skopeo(`docker://${to}`, `dir:${place.path(`${name}-dir`)}`, '--dest-decompress');
    const files = diffIds(to).map((id) => readFileSync(place.path(`${name}-dir`, id.slice(7))));
    expect(run('tar', '-tf', place.path(`${name}-dir`, diffIds(to)[1]?.slice(7) as string))).toContain(
      'small',
    );
    expect(files).toHaveLength(2);
  });

  test('gzip is one member, the same bytes each time', () => {
    const name = nextName();
    const context = project(name);
    const env = { SOURCE_DATE_EPOCH: '1000' };
    cambiumOk(['build', context, '-t', at(`${name}:1`), '--push', '-q'], { ...store, env });
    const [layer] = rawManifest(at(`${name}:1`)).layers;
    cambiumOk(['build', context, '-t', `${other.host}/${name}:1`, '--push', '-q'], {
      store: place.path('second-store'),
      env,
    });
    expect(rawManifest(`${other.host}/${name}:1`).layers[0]).toEqual(layer);
    const packed = Buffer.from(
      execBytes('curl', '-s', `http://${registry.host}/v2/${name}/blobs/${layer?.digest}`),
    );
    expect(createHash('sha256').update(gunzipSync(packed)).digest('hex')).toBe(
      diffIds(at(`${name}:1`))[0]?.slice(7),
    );
    expect(packed.length).toBeLessThan(100_000);
  });

  test('holes of files arrive as zeros, and what was packed while it was made is what it should be', () => {
    const name = nextName();
    const context = writeContext(place.path(name), 'FROM scratch\nCOPY holes /holes\n');
    run(
      'sh',
      '-c',
      'truncate -s 9M "$0"; printf middle | dd of="$0" bs=1 seek=5000000 conv=notrunc',
      `${context}/holes`,
    );
    const env = { SOURCE_DATE_EPOCH: '1000' };
    cambiumOk(['build', context, '-t', at(`${name}:1`), '--push', '-q'], { ...store, env });
    const [layer] = rawManifest(at(`${name}:1`)).layers;
    const packed = execBytes('curl', '-s', `http://${registry.host}/v2/${name}/blobs/${layer?.digest}`);
    const plain = gunzipSync(packed);
    expect(`sha256:${createHash('sha256').update(plain).digest('hex')}`).toBe(diffIds(at(`${name}:1`))[0]);
    const header = plain.indexOf('holes');
    expect(plain.indexOf('middle')).toBe(header - (header % 512) + 512 + 5_000_000);
    // Where the tar is there already, it is packed from that: the same bytes.
    const second = { store: place.path(`${name}-store`), env };
    const to = `${other.host}/${name}:1`;
    cambiumOk(['build', context, '-t', to, '-o', `type=oci,dest=${place.path(`${name}.tar`)}`, '-q'], second);
    cambiumOk(['image', 'export', to, '-o', `type=registry,name=${to}`], second);
    expect(rawManifest(to).layers[0]).toEqual(layer);
  });

  test('what is sent later is the same: packed at once when only its digest was known, and with the same times', () => {
    const name = nextName();
    const context = project(name);
    const env = { SOURCE_DATE_EPOCH: '1000' };
    const pushed = cambiumOk(['build', context, '-t', at(`${name}:1`), '--push', '-q'], { ...store, env });
    const dir = place.path(`${name}-store`);
    const second = { store: dir, env };
    const to = `${other.host}/${name}:1`;
    cambiumOk(['build', context, '-t', to, '-q'], second);
    expect(cambiumOk(['image', 'push', '-q', to], second).stdout).toBe(pushed.stdout);
    const tars = diffIds(to).map((id) => join(dir, 'blobs/sha256', id.slice(7)));
    expect(tars.filter((tar) => existsSync(tar))).toEqual([]);
  });

  test('after a small change only the small layer travels, in two requests more than it takes', () => {
    const name = nextName();
    const to = at(`${name}:1`);
    const push = (small?: string) =>
      cambiumOk(['build', project(name, small), '-t', to, '--push', '-q'], store);
    push();
    const again = sent(() => push('changed'));
    // Two for each blob (layer, configuration) and one for the manifest are what the protocol takes.
    expect(again.filter((line) => !line.startsWith('HEAD')).map((line) => line.replace(/ .*/, ''))).toEqual(
      expect.arrayContaining(['POST', 'PUT', 'POST', 'PUT', 'PUT']),
    );
    expect(again.length).toBeLessThanOrEqual(7);
    expect(sent(() => push('changed')).map((line) => line.replace(/ .*/, ''))).toEqual(['PUT']);
    const pulled = { store: place.path(`${name}-store`) };
    cambiumOk(['image', 'pull', '-q', to], pulled);
    cambiumOk(['image', 'export', to, '-o', `type=local,dest=${place.path(`${name}-out`)}`], pulled);
    expect(readFileSync(place.path(`${name}-out`, 'small'), 'utf8')).toBe('changed');
  });

  test('what the registry has lost is sent again', () => {
    const name = nextName();
    const to = at(`${name}:1`);
    const push = () => cambiumOk(['build', project(name), '-t', to, '--push', '-q'], store);
    push();
    const { layers } = rawManifest(to);
    const digest = layers[0]?.digest.slice(7) as string;
    const kept = registry.place.path('data/docker/registry/v2');
    rmSync(`${kept}/repositories/${name}/_layers/sha256/${digest}`, { recursive: true });
    rmSync(`${kept}/blobs/sha256/${digest.slice(0, 2)}/${digest}`, { recursive: true });
    push();
    skopeo(`docker://${to}`, `dir:${place.path(`${name}-dir`)}`);
    expect(rawManifest(to).layers).toEqual(layers);
  });

  test('several names: each repository once, blobs mounted from the first', () => {
    const name = nextName();
    const flags = ['-t', at(`${name}:1`), '-t', at(`${name}:2`), '-t', at(`${name}/below:1`)];
    const lines = sent(() => cambiumOk(['build', project(name), ...flags, '--push', '-q'], store));
    expect(lines.filter((line) => line.includes('mount='))).toHaveLength(3);
    expect(lines.filter((line) => line.startsWith('PUT') && line.includes('/blobs/uploads/'))).toHaveLength(
      3,
    );
    expect(digestOf(at(`${name}:2`))).toBe(digestOf(at(`${name}/below:1`)));
  });

  test('several platforms arrive as an index', () => {
    const to = at('platforms:1');
    const context = writeContext(place.path('platforms'), 'FROM scratch\nCOPY small /small\n', {
      small: 'x',
    });
    cambiumOk(['build', context, '--platform', 'linux/amd64,linux/arm64', '-t', to, '--push', '-q'], store);
    skopeo(`docker://${to}`, `oci:${place.path('platforms-layout')}:x`, '--all');
    const pulled = { store: place.path('platforms-store') };
    cambiumOk(['image', 'pull', '-q', '--platform', 'linux/arm64', to], pulled);
  });

  test('without a name, or with a bad one, it is refused before anything is built', () => {
    const context = project(nextName());
    expect(cambium(['build', context, '--push'], store)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('-t registry.example/app:1'),
    });
    expect(cambium(['build', context, '-o', 'type=registry,compression=xz', '-t', 'x'], store).code).toBe(2);
    expect(cambium(['image', 'push', 'absent'], store).code).toBe(2);
    const gone = cambium(['build', context, '--push', '-t', '127.0.0.1:1/app'], store);
    expect(gone).toMatchObject({ code: 3, stderr: expect.stringContaining('nobody answers') });
  });
});

describe('an image that was pulled', () => {
  test('keeps its digest: mounted within a registry, sent as it came to another one', () => {
    skopeo(`oci:${makeLayout(place, 'kept')}:latest`, `docker://${at('kept:1')}`);
    const own = { store: place.path('kept-store') };
    cambiumOk(['image', 'pull', '-q', at('kept:1')], own);
    const lines = sent(() => cambiumOk(['image', 'push', '-q', at('kept:1'), at('copy/of:1')], own));
    expect(lines.filter((line) => line.startsWith('PUT') && line.includes('/blobs/'))).toEqual([]);
    const again = sent(() => cambiumOk(['image', 'push', '-q', at('kept:1'), `${other.host}/kept:1`], own));
    expect(again).toEqual([]);
    // It is about what is made here.
    const env = { SOURCE_DATE_EPOCH: '1000' };
    cambiumOk(['image', 'push', '-q', at('kept:1'), at('dated:1')], { ...own, env });
    for (const copy of [at('copy/of:1'), at('dated:1'), `${other.host}/kept:1`])
      expect(digestOf(copy)).toBe(digestOf(at('kept:1')));
    skopeo(`docker://${other.host}/kept:1`, `dir:${place.path('kept-dir')}`);
  });

  test('is the base of one that is built: its layers are mounted, not sent', () => {
    skopeo(`oci:${makeLayout(place, 'base')}:latest`, `docker://${at('base:1')}`);
    const context = writeContext(place.path('on-base'), `FROM ${at('base:1')}\nCOPY small /small\n`, {
      small: 'x',
    });
    const lines = sent(() => cambiumOk(['build', context, '-t', at('on-base:1'), '--push', '-q'], store));
    expect(lines.filter((line) => line.includes('mount='))).toHaveLength(2);
    expect(rawManifest(at('on-base:1')).layers.slice(0, 2)).toEqual(
      rawManifest(at('base:1')).layers.map((layer) => expect.objectContaining({ digest: layer.digest })),
    );
    // Where nothing can be mounted, they are packed anew.
    cambiumOk(['build', context, '-t', `${other.host}/on-base:1`, '--push', '-q'], store);
    expect(diffIds(`${other.host}/on-base:1`)).toEqual(diffIds(at('on-base:1')));
    skopeo(`docker://${other.host}/on-base:1`, `dir:${place.path('on-base-dir')}`);
  });
});

test('dockerd pulls what we push, and we pull what it pushes', async () => {
  const to = at('for-docker:1');
  cambiumOk(['build', project('for-docker'), '-t', to, '--push', '-q'], store);
  await using dockerd = await startDockerd();
  dockerd.docker('pull', '-q', to);
  dockerd.docker('tag', to, at('from-docker:1'));
  writeFileSync(place.path('more'), 'more\n');
  run('tar', '-cf', place.path('more.tar'), '-C', place.dir, 'more');
  dockerd.docker('import', place.path('more.tar'), at('imported:1'));
  for (const name of ['from-docker:1', 'imported:1']) dockerd.docker('push', '-q', at(name));
  const own = { store: place.path('docker-store') };
  cambiumOk(['image', 'pull', '-q', at('from-docker:1'), at('imported:1')], own);
  expect(
    JSON.parse(cambiumOk(['image', 'inspect', at('from-docker:1')], own).stdout)[0].layers.map(
      (layer: { digest: string }) => layer.digest,
    ),
  ).toEqual(diffIds(to));
});

function execBytes(program: string, ...args: string[]): Buffer {
  const file = place.path(nextName());
  run(program, ...args, '-o', file);
  return readFileSync(file);
}
