/** Dockerfiles over the real command line: what they give, what runs again, and what reaches a run. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type build, buildOk, cambium, cambiumOk, startCambium } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let at: { store: string; cwd: string };

beforeAll(() => {
  place = scratch();
  for (const folder of ['base/bin', 'base/etc', 'base/tmp', 'base/root', 'ctx/src/sub', 'out'])
    mkdirSync(place.path(folder), { recursive: true });
  copyFileSync('/usr/bin/busybox', place.path('base/bin/busybox'));
  for (const name of [
    'sh',
    'cat',
    'ls',
    'id',
    'test',
    'touch',
    'echo',
    'env',
    'grep',
    'date',
    'stat',
    'sleep',
  ])
    symlinkSync('busybox', place.path('base/bin', name));
  writeFileSync(
    place.path('base/etc/passwd'),
    'root:x:0:0::/root:/bin/sh\nbob:x:1000:1001::/home/bob:/bin/sh\n',
  );
  writeFileSync(place.path('base/etc/group'), 'root:x:0:\nbobs:x:1001:\nstaff:x:50:\n');
  at = { store: place.path('store'), cwd: place.path('ctx') };
  writeFileSync(place.path('ctx/a.txt'), 'a\n');
  writeFileSync(place.path('ctx/b.txt'), 'b\n');
  writeFileSync(place.path('ctx/src/s.c'), 's\n');
  writeFileSync(place.path('ctx/src/sub/d.h'), 'd\n');
  cambiumOk(['image', 'import', place.path('base'), 'base'], at);
});

afterAll(() => place[Symbol.dispose]());

function dockerfile(...lines: string[]): void {
  writeFileSync(place.path('ctx/Dockerfile'), `${lines.join('\n')}\n`);
}

/** Lines that a build's steps printed. */
function printed(run: ReturnType<typeof build>): string[] {
  const text = run.events.map((event) => (event.type === 'step-output' ? event.text : '')).join('');
  return text.split('\n').filter((line) => line !== '');
}

test('stages that the target needs are built, with arguments, owners by name, heredocs and a configuration', () => {
  dockerfile(
    'ARG FROM=base',
    'FROM base AS unneeded',
    'RUN exit 7',
    'FROM $FROM AS made',
    'ARG WHO=world',
    'WORKDIR /work',
    'COPY *.txt src ./',
    'RUN echo hello $WHO > out && ls > list',
    'FROM base',
    'USER bob',
    'WORKDIR /home/bob/app',
    'COPY --from=made --chown=bob:staff /work/out /work/list ./',
    'COPY --chmod=640 <<F /etc/conf/',
    'conf $USER',
    'F',
    "RUN stat -c '%U %G %a %n' out . /etc/conf; cat out list",
    'ENTRYPOINT ["x"]',
    'EXPOSE 80 90-91/udp',
  );
  const run = buildOk(['.', '-t', 'one', '--build-arg', 'WHO=you'], at);
  expect(printed(run)).toEqual([
    ...['bob staff 644 out', 'bob bobs 755 .', 'root root 640 /etc/conf'],
    ...['hello you', 'a.txt', 'b.txt', 'list', 'out', 's.c', 'sub'],
  ]);
  expect(run.ran).not.toContain('unneeded');
  const [image] = JSON.parse(cambiumOk(['image', 'inspect', 'one'], at).stdout);
  expect(image.config).toMatchObject({
    User: 'bob',
    WorkingDir: '/home/bob/app',
    Entrypoint: ['x'],
    ExposedPorts: { '80/tcp': {}, '90/udp': {}, '91/udp': {} },
  });
  const again = buildOk(['.', '--build-arg', 'WHO=you'], at);
  expect(again.ran).toEqual([]);
});

test('an edited file runs its copy and what comes after it, nothing else', () => {
  dockerfile(
    'FROM base',
    'RUN echo one',
    'COPY a.txt /a',
    'RUN cat /a',
    'FROM base AS other',
    'RUN echo two',
  );
  const count = () => buildOk(['.', '--target', '0'], at).ran.length;
  expect(count()).toBeGreaterThan(0);
  expect(count()).toBe(0);
  writeFileSync(place.path('ctx/b.txt'), 'other\n');
  expect(count()).toBe(0);
  writeFileSync(place.path('ctx/a.txt'), 'changed\n');
  expect(count()).toBe(2);
});

test('what a run has mounts on is there for it, and in no layer', () => {
  const run = 'RUN test -c /dev/null -a -d /proc/1 -a -d /sys/kernel && cat /etc/hostname > /etc/own';
  dockerfile('FROM base', run, 'RUN echo again > /etc/own2');
  buildOk(['.', '-o', `type=local,dest=${place.path('mountpoints')}`], at);
  expect(readdirSync(place.path('mountpoints')).sort()).toEqual(['bin', 'etc', 'root', 'tmp']);
  expect(readdirSync(place.path('mountpoints/etc')).sort()).toEqual(['group', 'own', 'own2', 'passwd']);
  expect(readFileSync(place.path('mountpoints/etc/own'), 'utf8')).not.toBe('');
  // Nothing was left where the runs' mounts were, either.
  const kept = execFileSync('find', [place.path('store/mountpoints'), '-size', '+0', '-type', 'f'], {
    encoding: 'utf8',
  });
  expect(kept).toBe('');
});

test('mounts: files of the context, caches that stay, secrets and their absence from the store', () => {
  const secret = `s3cret-${process.pid}-${Date.now()}`;
  writeFileSync(place.path('secret'), secret);
  dockerfile(
    'FROM base',
    'ARG N',
    'RUN --mount=type=bind,source=src,target=/m,rw --mount=type=cache,target=/c --mount=type=secret,id=s,env=TOKEN \\',
    '  echo n$N >> /c/runs && cat /c/runs && touch /m/new && ls /m && test -n "$TOKEN" && test -s /run/secrets/s || echo none',
    'RUN --mount=type=secret,id=s,uid=5,mode=0440 stat -c "%u %a" /run/secrets/s',
  );
  const flags = ['.', '--secret', `id=s,src=${place.path('secret')}`];
  const first = buildOk([...flags, '--build-arg', 'N=1'], at);
  expect(printed(first)).toEqual(['n1', 'new', 's.c', 'sub', 'none', '5 440']);
  expect(printed(buildOk([...flags, '--build-arg', 'N=2'], at)).slice(0, 2)).toEqual(['n1', 'n2']);
  const found = execFileSync('sh', ['-c', 'grep -rl -e "$0" "$1" || true', secret, at.store], {
    encoding: 'utf8',
  });
  expect(found).toBe('');
});

test('ADD takes URLs, with the checksum that is asked for, and archives', async () => {
  execFileSync('tar', ['-C', place.path('ctx'), '-czf', place.path('ctx/t.tgz'), 'src']);
  const server = createServer((_, response) => response.end('from the network'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}/x/file.txt`;
  const run = async () => startCambium(['build', '.', '--progress', 'plain'], at).ended;
  try {
    dockerfile(
      'FROM base',
      'ADD t.tgz /t',
      `ADD ${url} /dl/`,
      "RUN ls /t/src; stat -c '%a' /dl/file.txt; cat /dl/file.txt",
    );
    const good = await run();
    expect(good.stderr).toMatch(/s\.c[\s\S]*sub[\s\S]*600[\s\S]*from the network/);
    dockerfile('FROM base', `ADD --checksum=sha256:${'0'.repeat(64)} ${url} /dl/`);
    const wrong = await run();
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('Dockerfile:2');
  } finally {
    server.close();
  }
  dockerfile('FROM base', `ADD ${url}?gone /dl/`);
  expect((await run()).code).toBe(3);
});

test('errors point into the file; what is ignored is told as such', () => {
  dockerfile('FROM base', 'COPY nothing.txt /', 'RUN true');
  const missing = cambium(['build', '.'], at);
  expect(missing.code).toBe(2);
  expect(missing.stderr).toMatch(/nothing\.txt was not found[\s\S]*Dockerfile:2/);
  writeFileSync(place.path('ctx/.dockerignore'), 'b.txt\n');
  dockerfile('FROM base', 'COPY b.txt /');
  expect(cambium(['build', '.'], at).stderr).toMatch(/left out[\s\S]*Dockerfile:2/);
  dockerfile('FROM 127.0.0.1:1/nowhere');
  expect(cambium(['build', '.'], at).stderr).toMatch(
    /no image `127.0.0.1:1\/nowhere`[\s\S]*Dockerfile:1[\s\S]*--build-context/,
  );
  dockerfile('FROM base', 'RUN --network=host true');
  expect(cambium(['build', '.'], at).stderr).toMatch(/--allow network\.host/);
  expect(cambiumOk(['build', '.', '--allow', 'network.host'], at).code).toBe(0);
});

test('a Dockerfile on standard input, alone or with a folder; a context as a tar', () => {
  const input = 'FROM base\nCOPY src/s.c /got\nRUN cat /got\n';
  expect(cambium(['build', '-'], { ...at, input }).stderr).toContain('no context');
  expect(cambiumOk(['build', '-f', '-', '.', '--progress', 'plain'], { ...at, input }).code).toBe(0);
  expect(cambiumOk(['build', '-', '-q'], { ...at, input: 'FROM base\nRUN true\n' }).stdout).toMatch(
    /^sha256:/,
  );
  dockerfile('FROM base', 'COPY src /src');
  const tar = execFileSync('tar', ['-C', place.path('ctx'), '-c', 'Dockerfile', 'src']).toString('latin1');
  expect(cambium(['build', '-', '-q'], { ...at, input: tar }).stdout).toMatch(/^sha256:/);
});

test('a folder by name as base and as source, and triggers of a base', () => {
  dockerfile('FROM base', 'ONBUILD RUN echo trigger', 'ONBUILD COPY a.txt /triggered');
  buildOk(['.', '-t', 'triggers'], at);
  dockerfile('FROM root AS mine', 'FROM triggers', 'COPY --from=more s.c /s.c', 'RUN cat /triggered /s.c');
  const more = ['--build-context', 'root=../base', '--build-context', 'more=src'];
  const run = buildOk(['.', ...more], at);
  expect(printed(run)).toEqual(['trigger', readFileSync(place.path('ctx/a.txt'), 'utf8').trim(), 's']);
});

test('a heredoc that fails shows the line within it', () => {
  dockerfile('FROM base', 'RUN <<EOF', 'set -e', 'echo one', 'no-such-program', 'echo two', 'EOF');
  const early = cambium(['build', '.'], at);
  expect(early.code).toBe(1);
  expect(early.stderr).toMatch(/--> Dockerfile:5\n/);
  dockerfile('FROM base', 'RUN <<EOF', 'set -e', 'echo one', 'test -e /nothing', 'echo two', 'EOF');
  // Any line may have failed: all of the script is shown.
  expect(cambium(['build', '.'], at).stderr).toMatch(
    /--> Dockerfile:2:1\n {2}\|\n2 \| RUN <<EOF\n3 \| set -e\n/,
  );
  dockerfile('FROM base', 'RUN <<EOF', 'echo one', '', 'test -e /nothing', '# end', 'EOF');
  const last = cambium(['build', '.'], at);
  expect(last.stderr).toContain('The command exited with 1 in line 3 of its script.');
  expect(last.stderr).toMatch(/--> Dockerfile:5\n {2}\|\n5 \| test -e \/nothing\n/);
});

test('the history and the author of a base stay, whether it lies in the store or in a layout', () => {
  dockerfile(
    'FROM scratch',
    'MAINTAINER Some One',
    'COPY a.txt /',
    'ENV A=1',
    'COPY a.txt /b.txt',
    'CMD ["x"]',
  );
  buildOk(['.', '-t', 'told', '-o', 'type=oci,dest=../told/'], at);
  dockerfile('FROM told', 'LABEL b=2');
  const history = (...args: string[]) => {
    buildOk(['.', '-t', 'above', '-o', 'type=oci,dest=../above/', ...args], at);
    const { stdout } = cambiumOk(['image', 'history', 'above', '--json'], at);
    const lines = JSON.parse(stdout) as { createdBy: string; digest?: string }[];
    return lines.map(({ createdBy, digest }) => `${digest === undefined ? '- ' : ''}${createdBy}`).reverse();
  };
  const wanted = [
    '- MAINTAINER Some One',
    'COPY a.txt / # buildkit',
    '- ENV A=1',
    'COPY a.txt /b.txt # buildkit',
    '- CMD ["x"]',
    '- LABEL b=2',
  ];
  expect(history()).toEqual(wanted);
  expect(history('--build-context', 'told=oci-layout://../told')).toEqual(wanted);
  const blob = (digest: string) =>
    JSON.parse(readFileSync(place.path('above/blobs/sha256', digest.slice(7)), 'utf8')) as {
      config: { digest: string };
      author?: string;
    };
  const index = JSON.parse(readFileSync(place.path('above/index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  expect(blob(blob(index.manifests[0]?.digest ?? '').config.digest).author).toBe('Some One');
});
