/** How registries are reached: logins, tokens, TLS with authorities of our own, proxies, mirrors. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeAuthority, signed } from '../../support/certificates.ts';
import { type CliOptions, type CliResult, cambium, cambiumOk, startCambium } from '../../support/cli.ts';
import { type Front, startFront, startProxy } from '../../support/front.ts';
import { htpasswd, login, startRegistry, type TestRegistry } from '../../support/registry.ts';
import { makeLayout, run, skopeo, writeContext } from '../../support/registry-images.ts';
import { type Scratch, scratch } from '../../support/scratch.ts';

let place: Scratch;
let open: TestRegistry;
let closed: TestRegistry;
let secured: TestRegistry;
let layout: string;
let names = 0;
const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64');

/** A new store, and a home folder in which nothing is set. */
function fresh(env: Record<string, string> = {}): CliOptions & { home: string; env: Record<string, string> } {
  names += 1;
  const home = place.path(`home-${names}`);
  mkdirSync(home);
  const none = {
    HTTP_PROXY: '',
    HTTPS_PROXY: '',
    NO_PROXY: '',
    http_proxy: '',
    https_proxy: '',
    no_proxy: '',
  };
  const own = {
    HOME: home,
    SSL_CERT_FILE: '',
    XDG_RUNTIME_DIR: '',
    DOCKER_CONFIG: '',
    CAMBIUM_REGISTRY_TIMEOUT: '5',
  };
  return { store: place.path(`store-${names}`), home, env: { ...none, ...own, ...env } };
}

/** For servers of this process: it has to go on while the command runs. */
const later = (args: readonly string[], options: CliOptions): Promise<CliResult> =>
  startCambium(args, options).ended;

beforeAll(async () => {
  place = scratch();
  makeAuthority(place);
  const tls = signed(place, 'registry');
  [open, closed, secured] = await Promise.all([
    startRegistry(),
    startRegistry({ auth: htpasswd }),
    startRegistry({ tls }),
  ]);
  layout = makeLayout(place, 'text');
  skopeo(`oci:${layout}:latest`, `docker://${open.host}/app:1`);
  skopeo(
    `oci:${layout}:latest`,
    `docker://${closed.host}/app:1`,
    '--dest-creds',
    `${login.user}:${login.password}`,
  );
  skopeo(`oci:${layout}:latest`, `docker://${secured.host}/app:1`);
});
afterAll(async () => {
  for (const registry of [open, closed, secured]) await registry[Symbol.asyncDispose]();
  place[Symbol.dispose]();
});

describe('login', () => {
  const image = () => `${closed.host}/app:1`;
  const logIn = (options: CliOptions, password: string = login.password) =>
    cambium(['login', '-u', login.user, '--password-stdin', closed.host], {
      ...options,
      input: `${password}\n`,
    });

  test('is written as Docker does, used, and forgotten', () => {
    const own = fresh();
    const before = cambium(['image', 'pull', image()], own);
    expect(before).toMatchObject({
      code: 3,
      stderr: expect.stringContaining(`cambium login ${closed.host}`),
    });
    expect(logIn(own)).toMatchObject({ code: 0, stdout: `logged in to ${closed.host}\n` });
    const file = `${own.home}/.docker/config.json`;
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ auths: { [closed.host]: { auth: basic } } });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    cambiumOk(['image', 'pull', image()], own);
    cambiumOk(['image', 'push', image(), `${closed.host}/pushed:1`], own);
    // skopeo reads the same file.
    run('skopeo', 'inspect', '--tls-verify=false', '--authfile', file, `docker://${closed.host}/pushed:1`);
    expect(cambium(['logout', closed.host], own).stdout).toBe(`logged out of ${closed.host}\n`);
    expect(cambium(['logout', closed.host], own).stdout).toContain('no login');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ auths: {} });
    const after = cambium(['image', 'push', image(), `${closed.host}/more:1`], own);
    expect(after.code).toBe(3);
    // Nothing of it is in the store.
    const found = run('sh', '-c', `grep -rlaE "${login.password}|${basic}" "$0" || true`, own.store);
    expect(found).toBe('');
  });

  test('other fields of the file stay; one that is broken is told, without what is in it', () => {
    const own = fresh();
    mkdirSync(`${own.home}/.docker`);
    const file = `${own.home}/.docker/config.json`;
    writeFileSync(
      file,
      JSON.stringify({ psFormat: 'x', auths: { 'https://other.example/v1/': { auth: 'eDp5' } } }),
    );
    expect(logIn(own).code).toBe(0);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      psFormat: 'x',
      auths: { 'https://other.example/v1/': {} },
    });
    writeFileSync(file, `{"auths": {"x": {"auth": "${basic}"`);
    const broken = cambium(['image', 'pull', image()], own);
    expect(broken).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('not JSON as Docker writes it'),
    });
    expect(broken.stderr).not.toContain(basic);
  });

  test('a wrong password is told and not kept; a wrong use is one', () => {
    const own = fresh();
    const wrong = logIn(own, 'other-pass');
    expect(wrong).toMatchObject({
      code: 3,
      stderr: expect.stringContaining("doesn't accept the login of alice"),
    });
    expect(wrong.stdout + wrong.stderr).not.toContain('other-pass');
    expect(existsSync(`${own.home}/.docker`)).toBe(false);
    expect(cambium(['login', '--password-stdin', closed.host], own).code).toBe(2);
    expect(cambium(['login', closed.host], own)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no terminal'),
    });
    expect(cambium(['login', '-u', 'a', '--password-stdin', 'no registry/'], own).code).toBe(2);
    expect(
      cambium(['login', '-u', 'a', '--password-stdin', '127.0.0.1:1'], { ...own, input: 'x' }).code,
    ).toBe(3);
    // One that went wrong later is told when it is used.
    mkdirSync(`${own.home}/.docker`);
    const auth = Buffer.from('alice:stale').toString('base64');
    writeFileSync(`${own.home}/.docker/config.json`, JSON.stringify({ auths: { [closed.host]: { auth } } }));
    const used = cambium(['image', 'pull', image()], own);
    expect(used).toMatchObject({ code: 3, stderr: expect.stringContaining('Log in again') });
  });

  test('a credential helper keeps it', () => {
    const own = fresh();
    const bin = `${own.home}/bin`;
    mkdirSync(bin);
    writeFileSync(
      `${bin}/docker-credential-test`,
      `#!/bin/sh
case $1 in
  store) cat > "$HOME/kept" ;;
  get) read -r url; [ -f "$HOME/kept" ] && grep -q "\\"$url\\"" "$HOME/kept" && cat "$HOME/kept" || { echo credentials not found in native keychain; exit 1; } ;;
  erase) rm "$HOME/kept" ;;
esac
`,
    );
    chmodSync(`${bin}/docker-credential-test`, 0o755);
    mkdirSync(`${own.home}/.docker`);
    const file = `${own.home}/.docker/config.json`;
    writeFileSync(file, JSON.stringify({ credsStore: 'test' }));
    own.env['PATH'] = `${bin}:${process.env['PATH']}`;
    expect(logIn(own).code).toBe(0);
    expect(readFileSync(file, 'utf8')).not.toContain(basic);
    expect(JSON.parse(readFileSync(`${own.home}/kept`, 'utf8'))).toEqual({
      ServerURL: closed.host,
      Username: login.user,
      Secret: login.password,
    });
    cambiumOk(['image', 'pull', image()], own);
    expect(cambium(['logout', closed.host], own).code).toBe(0);
    expect(cambium(['image', 'pull', `${closed.host}/app:2`], own).code).toBe(3);
    writeFileSync(file, JSON.stringify({ credHelpers: { [closed.host]: 'absent' } }));
    expect(cambium(['image', 'pull', `${closed.host}/app:3`], own)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('docker-credential-absent'),
    });
  });
});

test.each([
  ['says null', 'echo null', /is no login/],
  ['says something of another kind', `echo '{"Username": 1, "Secret": {}}'`, /is no login/],
  ['fails and says the login', `echo '{"Secret": "leaked-pass"}'; exit 1`, /failed: it said nothing/],
  [
    'fails with words',
    `printf 'the key\\033[2J ring is shut\\nmore'; exit 1`,
    /failed: the key \[2J ring is shut\./,
  ],
  ['never stops', 'yes leaked-pass', /answers with more than any login can be/],
])('a credential helper that %s', (_, script, words) => {
  const own = fresh();
  mkdirSync(`${own.home}/.docker`);
  writeFileSync(`${own.home}/docker-credential-odd`, `#!/bin/sh\n${script}\n`);
  chmodSync(`${own.home}/docker-credential-odd`, 0o755);
  writeFileSync(`${own.home}/.docker/config.json`, JSON.stringify({ credsStore: 'odd' }));
  own.env['PATH'] = `${own.home}:${process.env['PATH']}`;
  const { code, stderr } = cambium(['image', 'pull', `${closed.host}/app:1`], own);
  expect(stderr).toMatch(words);
  expect(code).toBe(3);
  expect(stderr).not.toMatch(/\n {4}at /);
});

test('where a registry leads elsewhere, no login goes along', async () => {
  const seen: string[] = [];
  const taken = new Map<string, number>();
  // What others may be: a store of blobs, where downloads are led to and uploads are sent to.
  await using elsewhere = await startFront(open.host, (asked, answer) => {
    seen.push(`${asked.method} ${asked.headers.authorization ?? 'no login'}`);
    if (asked.method !== 'PUT') return false;
    let size = 0;
    asked.on('data', (chunk: Buffer) => (size += chunk.length));
    asked.on('end', () => {
      taken.set(asked.url as string, size);
      answer.writeHead(201).end();
    });
    return true;
  });
  await using front = await startFront(open.host, (asked, answer) => {
    if (asked.headers.authorization !== `Basic ${basic}`)
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else if (asked.method === 'GET' && (asked.url as string).includes('/blobs/sha256:'))
      answer.writeHead(307, { location: `http://${elsewhere.host}${asked.url}` }).end();
    else if (asked.method === 'POST')
      answer.writeHead(202, { location: `http://${elsewhere.host}/put?x=${taken.size}` }).end();
    else if (asked.method === 'PUT') asked.resume().on('end', () => answer.writeHead(201).end());
    else return false;
    return true;
  });
  const own = fresh();
  mkdirSync(`${own.home}/.docker`);
  writeFileSync(
    `${own.home}/.docker/config.json`,
    JSON.stringify({ auths: { [front.host]: { auth: basic } } }),
  );
  const image = `${front.host}/app:1`;
  expect(await later(['image', 'pull', image], own)).toMatchObject({ code: 0 });
  expect(await later(['image', 'push', image, `${front.host}/sent:1`], own)).toMatchObject({ code: 0 });
  expect(taken.size).toBeGreaterThan(0);
  expect(new Set(seen)).toEqual(new Set(['GET no login', 'PUT no login']));
});

test('a registry that wants the login sent to a place without TLS gets none', async () => {
  await using front = await startFront(open.host, (_, answer) => {
    const challenge = 'Bearer realm="http://tokens.invalid/token",service="x"';
    answer.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  });
  const own = fresh();
  mkdirSync(`${own.home}/.docker`);
  const auths = { [front.host]: { auth: basic } };
  writeFileSync(`${own.home}/.docker/config.json`, JSON.stringify({ auths }));
  const { code, stderr } = await later(['image', 'pull', `${front.host}/app:1`], own);
  expect(stderr).toContain("a place that isn't safe");
  expect(code).toBe(3);
});

test.each([
  ['of 100 KB', `Bearer realm="${'x'.repeat(100_000)}"`],
  ['that never closes its quotes', `Bearer realm="${'\\\\'.repeat(3000)}`],
  ['of thousands of schemes', 'a, '.repeat(4000)],
])('a challenge %s is no answer, and soon told', async (_, challenge) => {
  await using front = await startFront(open.host, (_asked, answer) => {
    answer.writeHead(401, { 'www-authenticate': challenge }).end();
    return true;
  });
  const { code, stderr } = await later(['image', 'pull', `${front.host}/app:1`], fresh());
  expect(code).toBe(3);
  expect(stderr).not.toMatch(/\n {4}at /);
});

describe('tokens', () => {
  let front: Front;
  /** Scopes that tokens were asked for, and how. */
  const asked: string[] = [];
  const valid = new Map<string, { scopes: string[]; uses: number }>();

  beforeAll(async () => {
    front = await startFront(open.host, (request, answer) => {
      const url = new URL(request.url as string, `http://${front.host}`);
      if (url.pathname === '/token') {
        let form = '';
        request
          .on('data', (chunk) => (form += chunk))
          .on('end', () => {
            const query = request.method === 'POST' ? new URLSearchParams(form) : url.searchParams;
            const isKnown =
              request.method === 'POST'
                ? query.get('refresh_token') === 'the-refresh-token'
                : request.headers.authorization === `Basic ${basic}`;
            const scopes = query.getAll('scope').flatMap((scope) => scope.split(' '));
            asked.push(`${request.method} ${query.get('service')} ${scopes.join(' ')}`);
            if (!isKnown) return answer.writeHead(401).end('{"details":"incorrect username or password"}');
            const token = `told-to-nobody-${valid.size}`;
            valid.set(token, { scopes, uses: 0 });
            const name = request.method === 'POST' ? 'access_token' : 'token';
            return answer.writeHead(200).end(JSON.stringify({ [name]: token, expires_in: 300 }));
          });
        return true;
      }
      const token = valid.get((request.headers.authorization ?? '').replace('Bearer ', ''));
      const repository = /^\/v2\/(.+?)\/(?:blobs|manifests)\//.exec(url.pathname)?.[1];
      const needs = repository === undefined ? '' : `repository:${repository}:`;
      const right = request.method === 'GET' || request.method === 'HEAD' ? 'pull' : 'push';
      const allows = token?.scopes.some(
        (scope) => scope.startsWith(needs) && (needs === '' || scope.includes(right)),
      );
      // Each token is good for six requests: then it has to be a new one.
      if (token && (allows || needs === '')) {
        token.uses += 1;
        if (token.uses <= 6) return false;
      }
      answer
        .writeHead(401, {
          'www-authenticate': `Bearer realm="http://${front.host}/token",service="the, service"`,
        })
        .end();
      return true;
    });
  });
  afterAll(() => front[Symbol.asyncDispose]());

  test.each([
    ['user and password', { auth: basic }, 'GET'],
    ['a refresh token', { identitytoken: 'the-refresh-token' }, 'POST'],
  ])('by %s: asked for by repository, and again when they run out', async (_, saved, method) => {
    const own = fresh();
    mkdirSync(`${own.home}/.docker`);
    writeFileSync(`${own.home}/.docker/config.json`, JSON.stringify({ auths: { [front.host]: saved } }));
    asked.length = 0;
    const image = `${front.host}/app:1`;
    const to = `${front.host}/from-${method.toLowerCase()}`;
    const context = writeContext(`${own.home}/context`, `FROM ${image}\nCOPY new /new\n`, { new: 'new' });
    const results = [
      await later(['image', 'pull', image], own),
      await later(['image', 'push', image, `${to}:1`], own),
      await later(['build', context, '-t', `${to}:2`, '--push', '--progress', 'json'], own),
    ];
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0]);
    // Nothing tells them on: no message, no event, no log, no record.
    const kept = run('grep', '-rhaF', '', own.store as string);
    for (const secret of [basic, 'the-refresh-token', ...valid.keys()])
      for (const text of [kept, ...results.map(({ stdout, stderr }) => stdout + stderr)])
        expect(text.includes(secret)).toBe(false);
    expect(new Set(asked)).toContain(`${method} the, service repository:app:pull`);
    expect(
      asked.some((line) => line.includes(`from-${method.toLowerCase()}:pull,push repository:app:pull`)),
    ).toBe(true);
  });

  test('without a login, and with a wrong one: told, and no token in it', async () => {
    const own = fresh();
    const result = await later(['image', 'pull', `${front.host}/app:1`], own);
    expect(result).toMatchObject({ code: 3, stderr: expect.stringContaining('cambium login') });
    mkdirSync(`${own.home}/.docker`);
    writeFileSync(
      `${own.home}/.docker/config.json`,
      JSON.stringify({ auths: { [front.host]: { identitytoken: 'stale-token' } } }),
    );
    const wrong = await later(['image', 'pull', `${front.host}/app:1`], own);
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining("doesn't accept the login") });
    expect(wrong.stderr).not.toContain('stale-token');
  });

  test('a server that repeats what it was shown: not told on', async () => {
    const answers = async (asked: IncomingMessage, answer: ServerResponse) => {
      const shown = asked.headers.authorization ?? '';
      answer.setHeader('www-authenticate', `Bearer realm="http://${asked.headers.host}/token"`);
      if (asked.url?.startsWith('/token')) answer.writeHead(200).end(JSON.stringify({ token: 'the-token' }));
      else
        answer.writeHead(401).end(JSON.stringify({ errors: [{ message: `bad: ${shown} from ${basic}` }] }));
      return true;
    };
    await using server = await startFront(open.host, answers);
    const own = fresh();
    mkdirSync(`${own.home}/.docker`);
    writeFileSync(
      `${own.home}/.docker/config.json`,
      JSON.stringify({ auths: { [server.host]: { auth: basic } } }),
    );
    const { code, stderr } = await later(['image', 'pull', `${server.host}/app:1`], own);
    expect(code).toBe(3);
    expect(stderr).toContain('bad: Bearer … from …');
  });
});

describe('TLS', () => {
  const image = () => `${secured.host}/app:1`;

  test('an authority that nobody knows is told', () => {
    const result = cambium(['image', 'pull', image()], fresh());
    expect(result).toMatchObject({ code: 3, stderr: expect.stringMatching(/isn't trusted[\s\S]*certs\.d/) });
  });

  test('one that is named is enough, and --tls-verify=false', () => {
    const inFolder = fresh();
    const folder = `${inFolder.home}/.config/containers/certs.d/${secured.host}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/ca.crt`, readFileSync(place.path('ca.crt')));
    cambiumOk(['image', 'pull', image()], inFolder);
    cambiumOk(['image', 'push', image(), `${secured.host}/pushed:1`], inFolder);
    for (const name of ['SSL_CERT_FILE', 'CAMBIUM_EXTRA_CA_CERTS'])
      cambiumOk(['image', 'pull', '-q', image()], fresh({ [name]: place.path('ca.crt') }));
    cambiumOk(['image', 'pull', '--tls-verify=false', image()], fresh());
  });

  test('registries.conf says it for FROM', () => {
    const conf = place.path('insecure.conf');
    writeFileSync(conf, `[[registry]]\nlocation = "${secured.host}" # ours\ninsecure = true\n`);
    const context = writeContext(place.path('tls-from'), `FROM ${image()}\n`);
    expect(cambium(['build', context], fresh()).code).toBe(3);
    cambiumOk(['build', context, '-q'], fresh({ CONTAINERS_REGISTRIES_CONF: conf }));
  });
});

describe('proxies', () => {
  test('CONNECT for TLS, by name; its login is shown to it alone', async () => {
    const seen: string[] = [];
    await using proxy = await startProxy(['registry.test'], seen, 'me:proxy-pass');
    const port = secured.host.split(':')[1];
    const image = `registry.test:${port}/app:1`;
    const trust = { SSL_CERT_FILE: place.path('ca.crt') };
    const through = (user: string) => fresh({ ...trust, HTTPS_PROXY: `http://${user}@${proxy.host}` });
    expect(await later(['image', 'pull', image], through('me:proxy-pass'))).toMatchObject({ code: 0 });
    expect(new Set(seen)).toEqual(new Set([`CONNECT registry.test:${port}`]));
    const wrong = await later(['image', 'pull', image], through('me:other-pass'));
    expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('407') });
    expect(wrong.stderr).not.toContain('other-pass');
    const exempt = fresh({ ...trust, HTTPS_PROXY: `http://${proxy.host}`, NO_PROXY: 'example.com,.test' });
    expect(await later(['image', 'pull', image], exempt)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('nobody knows'),
    });
  });

  test('plain HTTP is asked of the proxy', async () => {
    const seen: string[] = [];
    await using proxy = await startProxy([], seen);
    const image = `registry.test:${open.host.split(':')[1]}/app:1`;
    const own = fresh({ HTTP_PROXY: proxy.host });
    expect(await later(['image', 'pull', '--tls-verify=false', image], own)).toMatchObject({ code: 0 });
    expect(seen.at(-1)).toMatch(/^GET http:\/\/registry\.test:\d+\/v2\/app\/blobs\//);
  });
});

describe('mirrors', () => {
  const conf = (text: string) => {
    names += 1;
    const file = place.path(`mirrors-${names}.conf`);
    writeFileSync(file, text);
    return fresh({ CONTAINERS_REGISTRIES_CONF: file });
  };

  test('come first; one that is dead, or lacks the image, is passed over', () => {
    const own = conf(`unqualified-search-registries = ["docker.io"]
[[registry]]
prefix = "hub.example/library"
location = "${open.host}"

[[registry.mirror]]
location = "127.0.0.1:1"
[[registry.mirror]]
location = "${closed.host}/elsewhere"
insecure = true
`);
    cambiumOk(['image', 'pull', 'hub.example/library/app:1'], own);
    expect(cambiumOk(['image', 'ls'], own).stdout).toContain('hub.example/library/app:1');
  });

  test('of Docker Hub, from daemon.json', () => {
    skopeo(`docker://${open.host}/app:1`, `docker://${open.host}/library/thing:1`);
    const file = place.path('daemon.json');
    writeFileSync(file, JSON.stringify({ 'registry-mirrors': [`http://${open.host}/`] }));
    const own = fresh({ CAMBIUM_DOCKER_DAEMON_JSON: file });
    cambiumOk(['image', 'pull', 'thing:1'], own);
    expect(cambiumOk(['image', 'ls'], own).stdout).toContain('thing:1');
  });

  test('what is blocked, and a file that is wrong, are told', () => {
    const blocked = conf('[[registry]]\nprefix = "*.example.com"\nblocked = true\n');
    expect(cambium(['image', 'pull', 'a.example.com/x'], blocked)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('blocked'),
    });
    const wrong = conf('[[registry.mirror]]\nlocation = "x"\n');
    expect(cambium(['image', 'pull', 'x'], wrong)).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('a mirror has no'),
    });
  });
});
