/** Images into a running Docker daemon and out of it, through a port that counts what travels. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority, signed } from '../../support/certificates.ts';
import { type CliResult, cambium, startCambium } from '../../support/cli.ts';
import { type CountingProxy, startCountingProxy } from '../../support/counting-proxy.ts';
import { type Dockerd, startDockerd } from '../../support/dockerd.ts';
import { freePort } from '../../support/registry.ts';
import { skopeo, writeContext } from '../../support/registry-images.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

let place: Scratch;
let daemon: Dockerd;
let proxy: CountingProxy;
let context: string;
/** Where the daemon listens with TLS, and its authority. */
let port: number;
let authority: string;

/** Through the proxy, which is in this process: so never synchronously. */
async function cambiumOk(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  const result = await attempt(args, env);
  if (result.code !== 0) throw new Error(`cambium ${args.join(' ')}: ${result.stderr}`);
  return result;
}

function attempt(args: readonly string[], env: Record<string, string> = {}): Promise<CliResult> {
  return startCambium(args, {
    store: place.path('store'),
    cwd: place.dir,
    env: { DOCKER_HOST: proxy.host, ...env },
  }).ended;
}

const bigBytes = 3_000_000;
const facts = (name: string) =>
  JSON.parse(daemon.docker('image', 'inspect', name))[0] as { Id: string; RootFS: { Layers: string[] } };

/** A file of an image in the daemon, as its containers see it. */
function fileIn(image: string, path: string): string {
  const id = daemon.docker('create', image).trim();
  try {
    return execFileSync('tar', ['-xO'], {
      input: execFileSync('docker', ['-H', daemon.host, 'cp', `${id}:${path}`, '-']),
      encoding: 'utf8',
    });
  } finally {
    daemon.docker('rm', id);
  }
}

beforeAll(async () => {
  place = scratch();
  authority = makeAuthority(place);
  port = await freePort();
  daemon = await startDockerd('overlay2', { port, authority, ...signed(place, 'daemon') });
  proxy = await startCountingProxy(daemon.host.slice('unix://'.length));
  const dockerfile = 'FROM scratch\nCOPY big /big\nCOPY small /etc/small\nCMD ["/big"]\n';
  context = writeContext(place.path('app'), dockerfile, {
    big: Buffer.from(Array.from({ length: bigBytes }, (_, at) => (at * at) % 251)),
    small: 'first\n',
  });
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await daemon?.[Symbol.asyncDispose]();
  place?.[Symbol.dispose]();
});

test('only layers that the daemon lacks travel', async () => {
  await cambiumOk(['build', context, '-t', 'app', '-o', 'type=docker']);
  expect(proxy.taken()).toBeGreaterThan(bigBytes);
  expect(fileIn('app', '/etc/small')).toBe('first\n');
  const first = facts('app');

  writeFileSync(`${context}/small`, 'second\n');
  await cambiumOk(['build', context, '-t', 'app', '--load']);
  expect(proxy.taken()).toBeLessThan(32_768);
  expect(fileIn('app', '/etc/small')).toBe('second\n');
  expect(facts('app').RootFS.Layers[0]).toBe(first.RootFS.Layers[0]);
  expect(facts('app').Id).not.toBe(first.Id);

  const { Id } = facts('app');
  daemon.docker('rmi', 'app');
  // The first image, which has no name there any more, shares its first layer.
  await cambiumOk(['image', 'export', 'app', '-o', 'type=docker,name=other:2']);
  expect(proxy.taken()).toBeLessThan(32_768);
  expect(facts('other:2').Id).toBe(Id);
  expect(fileIn('other:2', '/etc/small')).toBe('second\n');
});

test('a layer in another place of the image is sent again: a daemon has it by all those below', async () => {
  const swapped = writeContext(
    place.path('swapped'),
    'FROM scratch\nCOPY small /etc/small\nCOPY big /big\nCMD ["/big"]\n',
    { big: readFileSync(`${context}/big`), small: 'below\n' },
  );
  await cambiumOk(['build', swapped, '-t', 'swapped', '--load']);
  expect(proxy.taken()).toBeGreaterThan(bigBytes);
  expect(fileIn('swapped', '/etc/small')).toBe('below\n');
});

test('what the daemon lost after it was asked is sent after all', async () => {
  writeFileSync(`${context}/small`, 'third\n');
  await cambiumOk(['build', context, '-t', 'app']);
  proxy.before('POST /images/load', () =>
    daemon.docker('rmi', '-f', ...daemon.docker('images', '-aq').split('\n').filter(Boolean)),
  );
  const { stderr } = await cambiumOk(['image', 'export', 'app', '-o', 'type=docker']);
  expect(proxy.taken()).toBeGreaterThan(bigBytes);
  expect(stderr).toContain('the daemon wants all layers');
  expect(fileIn('app', '/etc/small')).toBe('third\n');
});

describe('which daemon', () => {
  test('the context of the docker program, where DOCKER_HOST is not set', async () => {
    const config = place.path('config');
    mkdirSync(config);
    const docker = (...args: string[]) =>
      execFileSync('docker', args, { env: { PATH: process.env['PATH'], DOCKER_CONFIG: config } });
    docker('context', 'create', 'mine', '--docker', `host=${proxy.host}`);
    const env = { DOCKER_HOST: '', DOCKER_CONFIG: config };
    await cambiumOk(['image', 'export', 'app', '-o', 'type=docker,name=by:name'], {
      ...env,
      DOCKER_CONTEXT: 'mine',
    });
    docker('context', 'use', 'mine');
    await cambiumOk(['image', 'export', 'app', '-o', 'type=docker,name=by:use'], env);
    expect(facts('by:name').Id).toBe(facts('by:use').Id);
    const unknown = await attempt(['image', 'export', 'app', '-o', 'type=docker'], {
      ...env,
      DOCKER_CONTEXT: 'no',
    });
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('no Docker context `no`') });
  });

  test('one behind TLS, by the environment and by a context; who shows no certificate is told', async () => {
    const host = `tcp://127.0.0.1:${port}`;
    const client = signed(place, 'client', 'client');
    const folder = (name: string, files: Record<string, string>) => {
      mkdirSync(place.path(name));
      for (const [file, from] of Object.entries(files)) copyFileSync(from, place.path(name, file));
      return place.path(name);
    };
    const all = { 'ca.pem': authority, 'cert.pem': client.certificate, 'key.pem': client.key };
    const certs = folder('certs', all);
    const tls = { DOCKER_HOST: host, DOCKER_TLS_VERIFY: '1' };
    const load = (name: string, env: Record<string, string>) =>
      attempt(['image', 'export', 'app', '-o', `type=docker,name=${name}`], env);
    expect(await load('by:tls', { ...tls, DOCKER_CERT_PATH: certs })).toMatchObject({ code: 0 });

    const config = folder('tls-config', {});
    const files = ['ca', 'cert', 'key'].map((name) => `${name}=${certs}/${name}.pem`);
    const endpoint = [`host=${host}`, ...files].join(',');
    execFileSync('docker', ['context', 'create', 'secure', '--docker', endpoint], {
      env: { PATH: process.env['PATH'], DOCKER_CONFIG: config },
    });
    const context = { DOCKER_HOST: '', DOCKER_CONFIG: config, DOCKER_CONTEXT: 'secure' };
    expect(await load('by:tls-context', context)).toMatchObject({ code: 0 });
    expect(facts('by:tls').Id).toBe(facts('by:tls-context').Id);

    const other = scratch();
    using _other = other;
    const stranger = folder('stranger', { ...all, 'ca.pem': makeAuthority(other) });
    const refused: [Record<string, string>, RegExp][] = [
      [
        { ...tls, DOCKER_CERT_PATH: folder('bare', { 'ca.pem': authority }) },
        /wants a certificate[\s\S]*DOCKER_CERT_PATH/,
      ],
      [
        { ...tls, DOCKER_CERT_PATH: stranger },
        /certificate of the Docker daemon[\s\S]* isn't trusted[\s\S]*ca\.pem/,
      ],
      [{ DOCKER_HOST: host }, /answers with TLS alone[\s\S]*DOCKER_TLS_VERIFY/],
    ];
    for (const [env, words] of refused) {
      const { code, stderr } = await load('no:tls', env);
      expect(stderr).toMatch(words);
      expect(code).toBe(3);
      expect(stderr).not.toMatch(/\n {4}at /);
    }
  });

  test.each([
    ['unix:///nowhere', 3, 'No Docker daemon answers at unix:///nowhere'],
    ['tcp://127.0.0.1:1', 3, 'No Docker daemon answers'],
    ['ssh://me@host', 2, 'DOCKER_HOST=unix:///tmp/docker.sock'],
    ['nonsense', 2, 'names no Docker daemon'],
  ])('%s is told clearly', async (host, code, text) => {
    const result = await attempt(['image', 'export', 'app', '-o', 'type=docker'], { DOCKER_HOST: host });
    expect(result.code).toBe(code);
    expect(result.stderr).toContain(text);
    expect(result.stderr).not.toMatch(/\n {4}at /);
  });
});

describe('images out of the daemon', () => {
  test('docker://NAME, and nothing is read of an image that is here', async () => {
    const store = place.path('imported');
    const importing = async (...args: string[]) => {
      const result = await startCambium(['image', 'import', ...args], {
        store,
        env: { DOCKER_HOST: proxy.host },
      }).ended;
      expect(result.stderr).not.toMatch(/^error/m);
      return result;
    };
    expect((await importing('docker://app')).stdout).toBe('app:latest\n');
    expect((await importing('docker-daemon:app:latest', 'again:1')).stderr).toContain('here already');
    const inspected = cambium(['image', 'inspect', 'again:1'], { store }).stdout;
    expect(inspected).toContain(facts('app').RootFS.Layers[0]);
    cambium(['image', 'export', 'again:1', '-o', `type=local,dest=${place.path('tree')}`], { store });
    expect(readFileSync(place.path('tree/etc/small'), 'utf8')).toBe('third\n');
    expect(readFileSync(place.path('tree/big')).length).toBe(bigBytes);
  });

  test('an unknown image, and a connection that breaks: nothing stays', async () => {
    const unknown = await attempt(['image', 'import', 'docker://nope']);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('cambium image pull') });
    const store = place.path('broken');
    proxy.cutAnswersAfter(1_000_000);
    try {
      const broken = await startCambium(['image', 'import', 'docker://app'], {
        store,
        env: { DOCKER_HOST: proxy.host },
      }).ended;
      expect(broken).toMatchObject({ code: 3, stderr: expect.stringContaining('connection broke') });
    } finally {
      proxy.cutAnswersAfter(Number.POSITIVE_INFINITY);
    }
    expect(cambium(['image', 'ls', '-aq'], { store }).stdout).toBe('');
    expect(readdirSync(`${store}/run`)).toEqual([]);
  });
});

describe('images of archives and of podman', () => {
  test('docker-archive, oci-archive and oci, of several images the one that is named', async () => {
    const at = { store: place.path('archives'), cwd: place.dir };
    await cambiumOk(['image', 'export', 'swapped', '-o', 'type=docker,name=swapped-again']);
    const imported = (...args: string[]) => {
      const { code, stdout, stderr } = cambium(['image', 'import', ...args], at);
      return code === 0 ? stdout.trim() : stderr;
    };
    daemon.docker('save', '-o', place.path('two.tar'), 'app', 'swapped-again');
    expect(imported('docker-archive:two.tar:swapped-again', 'one:1')).toBe('one:1');
    skopeo(`docker-archive:${place.path('two.tar')}:app:latest`, `oci:${place.path('layout')}:v1`);
    skopeo(
      `docker-archive:${place.path('two.tar')}:app:latest`,
      `oci-archive:${place.path('layout.tar')}:v1`,
    );
    expect(imported('oci:layout:v1')).toBe('layout:v1');
    // The same image: only the name that was asked for is told.
    expect(imported('oci-archive:layout.tar:v1', 'third')).toBe('third:latest');
    expect(imported('oci:layout:v2')).toContain('has no image `v2`');
    expect(imported('docker-archive:two.tar')).toContain('Name one of: ');
    expect(imported('docker-archive:layout.tar')).toContain('is no archive of `docker save`');
    expect(imported('oci:two.tar')).toContain('no folder in OCI image layout');
    expect(imported('oci:')).toContain('oci:DIR[:TAG]');
  });

  test('containers-storage by skopeo, and what is said without it', async () => {
    const storage = `[vfs@${place.path('podman')}+${place.path('podman-run')}]`;
    await cambiumOk(['image', 'export', 'app', '-o', 'type=docker,dest=app.tar']);
    skopeo(`docker-archive:${place.path('app.tar')}`, `containers-storage:${storage}localhost/app:1`);
    const store = place.path('podmans');
    const found = cambium(['image', 'import', `containers-storage:${storage}localhost/app:1`], { store });
    expect(found).toMatchObject({ code: 0, stdout: 'localhost/app:1\n' });
    const unknown = cambium(['image', 'import', `containers-storage:${storage}app`], { store });
    expect(unknown).toMatchObject({ code: 3, stderr: expect.stringContaining('localhost/NAME') });
    const missing = cambium(['image', 'import', 'containers-storage:app'], {
      store,
      env: { PATH: '/nowhere' },
    });
    expect(missing).toMatchObject({ code: 3, stderr: expect.stringContaining('apt-get install skopeo') });
  });
});
