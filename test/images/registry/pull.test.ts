/** Images of a real registry: fetched by name, and built upon; what skopeo pushed in every form. */
import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CliOptions, cambium, cambiumOk } from '../../support/cli.ts';
import { startRegistry, type TestRegistry } from '../../support/registry.ts';
import { makeLayout, run, skopeo, writeContext } from '../../support/registry-images.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

let place: Scratch;
let registry: TestRegistry;
let names = 0;
const nextName = () => {
  names += 1;
  return names;
};
const at = (name: string) => `${registry.host}/${name}`;
const newStore = (): CliOptions => ({ store: place.path(`store-${nextName()}`) });

/** What the image's /one says, by way of a tar of its root. */
function contentOf(image: string, options: CliOptions): string {
  const tar = place.path(`out-${nextName()}.tar`);
  cambiumOk(['image', 'export', image, '-o', `type=tar,dest=${tar}`], options);
  return run('tar', '-xOf', tar, './one').split('\n')[0] as string;
}

beforeAll(async () => {
  place = scratch();
  registry = await startRegistry();
  const layout = makeLayout(place, 'first');
  skopeo(`oci:${layout}:latest`, `docker://${at('app:gzip')}`);
  skopeo(`oci:${layout}:latest`, `docker://${at('app:zstd')}`, '--dest-compress-format', 'zstd');
  skopeo(`oci:${layout}:latest`, `docker://${at('app:schema2')}`, '--format', 'v2s2');
  skopeo(`oci:${makeLayout(place, 'second')}:latest`, `docker://${at('app:second')}`);
  const both = makeLayout(place, 'both', 'linux/amd64,linux/arm64');
  skopeo(`oci:${both}:latest`, `docker://${at('app:both')}`, '--all');
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

describe('image pull', () => {
  test.each(['gzip', 'zstd', 'schema2'])('an image with its manifest and layers: %s', (form) => {
    const store = newStore();
    const { stdout } = cambiumOk(['image', 'pull', at(`app:${form}`)], store);
    const digest = run(
      'skopeo',
      'inspect',
      '--tls-verify=false',
      '--format',
      '{{.Digest}}',
      `docker://${at(`app:${form}`)}`,
    );
    expect(stdout).toBe(`${at(`app:${form}`)} ${digest.trim()}\n`);
    const [facts] = JSON.parse(cambiumOk(['image', 'inspect', at(`app:${form}`)], store).stdout);
    expect(facts.config).toMatchObject({ Env: expect.arrayContaining(['WHO=registry']), Cmd: ['/one'] });
    expect(contentOf(at(`app:${form}`), store)).toBe('first');
    // Kept as it came, and unpacked where that is asked for.
    const oci = place.path(`oci-${nextName()}`);
    cambiumOk(['image', 'export', at(`app:${form}`), '-o', `type=oci,dest=${oci},tar=false`], store);
    skopeo(`oci:${oci}`, `dir:${oci}-checked`);
    // By the registry's digest too.
    cambiumOk(['image', 'inspect', digest.trim()], store);
  });

  test('of an index, the one for the platform', () => {
    const store = newStore();
    cambiumOk(['image', 'pull', '-q', '--platform', 'linux/arm64', at('app:both')], store);
    const [facts] = JSON.parse(cambiumOk(['image', 'inspect', at('app:both')], store).stdout);
    expect(facts.platform).toEqual({ os: 'linux', architecture: 'arm64' });
    const wrong = cambium(['image', 'pull', '--platform', 'linux/s390x', at('app:both')], store);
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('linux/amd64, linux/arm64') });
    const single = cambium(['image', 'pull', '--platform', 'linux/arm64', at('app:gzip')], store);
    expect(single).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has no image for linux/arm64'),
    });
  });

  test('layers that are here are not fetched again', () => {
    const store = newStore();
    cambiumOk(['image', 'pull', '-q', at('app:gzip')], store);
    const before = registry.requests().length;
    cambiumOk(['image', 'pull', '-q', at('app:schema2')], store);
    const after = registry.requests().slice(before);
    expect(after.filter((line) => line.includes('/blobs/'))).toHaveLength(1);
  });

  test.each([
    ['a tag that is not there', () => at('app:absent'), 'has no image', 3],
    ['a repository that is not there', () => at('absent:1'), 'has no image', 3],
    ['a digest that is not there', () => at(`app@sha256:${'0'.repeat(64)}`), 'has no image', 3],
    ['a port where nobody is', () => '127.0.0.1:1/app:1', 'nobody answers', 3],
    ['a host that nobody knows', () => 'registry.invalid/app:1', 'nobody knows that name', 3],
    ['no name at all', () => 'Upper:1', 'lower case', 2],
  ])('%s is told', (_, name, words, code) => {
    const store = newStore();
    const result = cambium(['image', 'pull', name()], store);
    expect(result).toMatchObject({ code, stderr: expect.stringContaining(words) });
    expect(result.stderr).not.toMatch(/\n {4}at /);
    expect(cambiumOk(['image', 'ls', '-aq'], store).stdout).toBe('');
  });
});

describe('FROM', () => {
  test('brings the image in once; after that nobody is asked, until --pull says so', () => {
    const store = newStore();
    skopeo(`docker://${at('app:gzip')}`, `docker://${at('app:moving')}`);
    const context = writeContext(place.path('from'), `FROM ${at('app:moving')}\nCOPY three /three\n`, {
      three: '3',
    });
    const build = (...flags: string[]) => {
      const before = registry.requests().length;
      cambiumOk(['build', context, '-t', 'mine', '-q', ...flags], store);
      return registry.requests().slice(before);
    };
    expect(build().filter((line) => line.includes('/blobs/'))).toHaveLength(3);
    expect(contentOf('mine', store)).toBe('first');
    expect(build()).toEqual([]);
    // The base is no tag of the store, but its history goes on.
    expect(cambiumOk(['image', 'ls'], store).stdout).not.toContain('moving');
    expect(cambiumOk(['image', 'history', 'mine'], store).stdout).toMatch(/ENV WHO=registry/);

    expect(build('--pull').filter((line) => !line.endsWith('/v2/'))).toEqual([
      expect.stringMatching(/^HEAD .*manifests\/moving/),
    ]);
    skopeo(`docker://${at('app:second')}`, `docker://${at('app:moving')}`);
    expect(build()).toEqual([]);
    expect(contentOf('mine', store)).toBe('first');
    build('--pull');
    expect(contentOf('mine', store)).toBe('second');
    expect(build()).toEqual([]);
  });

  test('a tag of the store comes before the registry; one that is given later replaces what the registry said', () => {
    const store = newStore();
    cambiumOk(['image', 'pull', '-q', at('app:gzip')], store);
    const context = writeContext(place.path('local'), `FROM ${at('app:second')}\n`);
    cambiumOk(['image', 'tag', at('app:gzip'), at('app:second')], store);
    cambiumOk(['build', context, '-t', 'mine', '-q'], store);
    expect(contentOf('mine', store)).toBe('first');
  });

  test('the same content has the same key by whatever way it came', () => {
    const store = newStore();
    const context = writeContext(place.path('key'), `FROM ${at('app:gzip')}\nCOPY three /three\n`, {
      three: '3',
    });
    cambiumOk(['build', context, '-q'], store);
    cambiumOk(['image', 'pull', '-q', at('app:gzip')], store);
    cambiumOk(['image', 'tag', at('app:gzip'), 'other'], store);
    writeContext(place.path('key'), 'FROM other\nCOPY three /three\n');
    const { stderr } = cambiumOk(['build', context, '--progress', 'plain'], store);
    expect(stderr).toContain('0 ran');
  });

  test('for another platform, by --platform and in FROM', () => {
    const store = newStore();
    const context = writeContext(place.path('other'), `FROM --platform=linux/arm64 ${at('app:both')}\n`);
    cambiumOk(['build', context, '-t', 'mine', '-q'], store);
    const [facts] = JSON.parse(cambiumOk(['image', 'inspect', 'mine'], store).stdout);
    expect(facts.platform.architecture).toBe('arm64');
  });

  test('another image in its place, by --build-context: of a registry, of the store, of a layout', () => {
    const store = newStore();
    const context = writeContext(place.path('replaced'), 'FROM base\nCOPY --from=base /one /copied\n');
    const built = (source: string, tag: string) =>
      cambiumOk(['build', context, '--build-context', `base=${source}`, '-t', tag, '-q'], store);
    built(`docker-image://${at('app:second')}`, 'one');
    built('docker-image://one', 'two');
    built(`oci-layout://${place.path('layout-second')}`, 'three');
    built(`oci-layout://${place.path('layout-second')}:latest`, 'four');
    for (const tag of ['one', 'two', 'three', 'four']) expect(contentOf(tag, store)).toBe('second');
    const absent = ['--build-context', `base=docker-image://${at('app:absent')}`];
    expect(cambium(['build', context, ...absent], store)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('has no image'),
    });
  });

  test('an image that is nowhere is told at its line, and nothing is left', () => {
    const store = newStore();
    const context = writeContext(place.path('absent'), `FROM ${at('app:absent')}\n`);
    const result = cambium(['build', context], store);
    expect(result).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/has no image[\s\S]*Dockerfile:1:1/),
    });
    expect(readdirSync(`${store.store}/run`)).toEqual([]);
  });
});

test('a blob that changed in the registry is refused, and leaves nothing', () => {
  const store = newStore();
  skopeo(`oci:${makeLayout(place, 'third')}:latest`, `docker://${at('broken:1')}`);
  const manifest = JSON.parse(
    run('skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${at('broken:1')}`),
  );
  const hex = manifest.layers[0].digest.slice(7);
  const file = registry.place.path(`data/docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`);
  const bytes = readFileSync(file);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] as number) ^ 0xff;
  run(
    'sh',
    '-c',
    `printf '%b' "$(printf '\\\\x%02x' ${bytes[bytes.length - 20]})" | dd of=${file} bs=1 seek=${bytes.length - 20} conv=notrunc status=none`,
  );
  const result = cambium(['image', 'pull', at('broken:1')], store);
  expect(result).toMatchObject({ code: 3, stderr: expect.stringContaining('is not what its digest says') });
  expect(cambiumOk(['image', 'ls', '-aq'], store).stdout).toBe('');
  // The other layer may be here already: it is whole.
  for (const folder of ['run', 'snapshots']) expect(readdirSync(`${store.store}/${folder}`)).toEqual([]);
  expect(cambiumOk(['doctor', '--repair'], store).stdout).not.toContain('blob');
});
