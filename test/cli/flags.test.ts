/** What flags mean and refuse, by the real command line: before anything is built, and as for docker. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { build, type CliOptions, cambium, cambiumOk, program } from '../support/cli.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let at: CliOptions;

beforeAll(() => {
  place = scratch();
  at = { store: place.path('store'), cwd: place.dir };
  mkdirSync(place.path('app'));
  writeFileSync(
    place.path('app/Dockerfile'),
    'FROM scratch\nCOPY Dockerfile /one\nFROM scratch AS two\nCOPY --from=0 /one /two\n',
  );
  mkdirSync(place.path('spec'));
  writeFileSync(place.path('spec/x.spec'), 'image cmd true\n');
});
afterAll(() => place[Symbol.dispose]());

const refused: [args: string[], code: number, message: RegExp][] = [
  [['build', 'app', '-t', 'Upper'], 2, /`Upper` is no name of an image: it must be lower case/],
  [['build', 'app', '-t', ''], 2, /`` is no name of an image/],
  [['build', 'app', '-o', 'type=tar,dest=x.tar,name=A'], 2, /`A` is no name of an image/],
  [['build', 'app', '--store', ''], 2, /The value `` of --store is wrong: it takes a folder/],
  [['image', 'ls', '--store', ''], 2, /The value `` of --store is wrong: it takes a folder/],
  [['build', 'app', '-o', '/'], 2, /not written over the root folder/],
  [['build', 'app', '-o', 'type=local,dest=//'], 2, /not written over the root folder/],
  [['build', 'app\x1b[31m'], 2, /\/app\?\[31m doesn't exist/],
  [['build', ''], 2, /PATH is empty/],
  [['store', 'create', ''], 2, /PATH is empty/],
  [['init', ''], 2, /DIR is empty/],
  [['build', 'app', '--set', 'a=b'], 2, /A Dockerfile has no settings, which --set gives/],
  [['build', 'app', '--settings', 'nowhere'], 2, /A Dockerfile has no settings, which --settings gives/],
  [['build', 'spec', '--build-arg', 'a=b'], 2, /--build-arg is for Dockerfiles/],
  [['plan', 'spec', '--add-host', 'a:127.0.0.1'], 2, /--add-host is for Dockerfiles/],
  [['build', 'app', '--label', '=b'], 2, /The value `=b` of --label is wrong/],
  [['build', 'app', '--timeout', '0'], 2, /The value `0` of --timeout is wrong/],
  [['build', 'app', '--provenance=mode=max'], 2, /no attestations, and --provenance asks for one/],
  [['build', 'app', '--sbom=true'], 2, /no attestations, and --sbom asks for one/],
  [['build', 'app', '--squash'], 2, /Did you mean `--push` or `--ssh`\?/],
];

test.each(refused)('cambium %j is refused, and nothing is built', (args, code, message) => {
  const result = cambium(args, at);
  expect(result.stderr).toMatch(message);
  expect(result).toMatchObject({ code, stdout: '' });
  expect(result.stderr).not.toMatch(/CACHED|RUN|Internal error/);
});

test('no wrong flag has made a store or a file', () => {
  expect(readdirSync(place.dir).filter((name) => name !== 'store')).toEqual(['app', 'spec']);
});

test('a name that is given twice counts once; a label without value is empty, no limits are none', () => {
  const none = [
    '--cpus',
    '0',
    '--memory',
    '0',
    '--pids',
    '0',
    '--timeout',
    '60',
    '--provenance=false',
    '--sbom=0',
  ];
  const run = cambiumOk(
    ['build', 'app', '-t', 'a', '-t', 'a:latest', '-t', 'b', '--label', 'alone', ...none],
    at,
  );
  expect(run.stderr).toMatch(/^built a, b in /m);
  expect(JSON.parse(cambiumOk(['image', 'inspect', 'a'], at).stdout)).toMatchObject([
    { config: { Labels: { alone: '' } } },
  ]);
});

test('an empty text is what is not given, as for docker', () => {
  const empty = ['--iidfile', '', '--metadata-file', '', '--target', '', '-f', '', '--settings', ''];
  expect(cambiumOk(['build', 'app', '-q', ...empty], at).stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
});

test('a file of results that can not be written is told as that', () => {
  const result = cambium(['build', 'app', '--iidfile', '/proc/x'], at);
  expect(result.stderr).toMatch(/The file \/proc\/x can't be written/);
  expect(result.code).toBe(3);
});

test('what is reused is told in the order of the build file', () => {
  cambiumOk(['build', 'app'], at);
  const told = build(['app', '-o', `type=tar,dest=${place.path('x.tar')}`], at);
  const order = (type: string) =>
    told.events.flatMap((event) => (event.type === type && 'step' in event ? [event.step] : []));
  expect(order('step-reused')).toEqual(order('step-planned'));
});

test('a folder that is gone', () => {
  const script = 'mkdir gone && cd gone && rmdir ../gone && "$0" -- "$1" build';
  const { stderr, status } = spawnSync('bash', ['-c', script, process.execPath, program], {
    cwd: place.dir,
    encoding: 'utf8',
  });
  expect(stderr).toMatch(/error: The folder that this was started in is gone\./);
  expect(status).toBe(3);
});

test('init starts a Dockerfile that builds, and no second build file beside one', () => {
  cambiumOk(['init', '--dockerfile', 'web'], at);
  expect(readdirSync(place.path('web')).sort()).toEqual(['.dockerignore', 'Dockerfile', 'hello.sh']);
  expect(statSync(place.path('web/hello.sh')).mode & 0o111).toBe(0o111);
  cambiumOk(['build', 'web', '--check', '--build-context', 'debian:12-slim=app'], at);
  const again = cambium(['init', 'web'], at);
  expect(again.stderr).toMatch(/web\/Dockerfile is there already; nothing was written/);
  expect(again.code).toBe(2);
  expect(existsSync(place.path('web/stages'))).toBe(false);
  expect(readFileSync(place.path('web/Dockerfile'), 'utf8')).toMatch(/^FROM /m);
});

test('volume export to - is a tar on standard output', () => {
  cambiumOk(['volume', 'create', 'some', '--from', 'app'], at);
  const { stdout } = cambiumOk(['volume', 'export', 'some', '-'], at);
  expect(stdout).toContain('Dockerfile');
  expect(existsSync(place.path('-'))).toBe(false);
});

test('a volume with a snapshot of that name goes before a repository on a host of that name', () => {
  cambiumOk(['volume', 'create', 'tree', '--from', 'app'], at);
  cambiumOk(['volume', 'snapshot', 'tree', 'before'], at);
  cambiumOk(['volume', 'create', 'again', '--from', 'tree@before:/'], at);
  expect(cambiumOk(['volume', 'export', 'again:/Dockerfile', '-'], at).stdout).toContain('FROM scratch');
});

test('a place for temporary files that is none is told as that', () => {
  const input = execFileSync('tar', ['-c', '-C', place.path('app'), '.']).toString('latin1');
  const result = cambium(['build', '-'], { ...at, input, env: { TMPDIR: '/nowhere' } });
  expect(result.stderr).toMatch(/error: No temporary folder can be made in \/nowhere\./);
  expect(result.code).toBe(3);
});

test('a repository that ssh does not reach: what ssh says, not what git guesses', () => {
  const { code, stderr } = cambium(['volume', 'create', 'far', '--from', 'me@127.0.0.1:project'], at);
  expect(stderr).toMatch(/can't be fetched: \S/);
  expect(stderr).not.toMatch(/repository exists|Could not read from remote/);
  expect(code).toBe(3);
});

test('switches take true and false, as those of docker do', () => {
  const off = ['--no-cache=false', '--pull=false', '--load=false', '--push=0'];
  expect(cambiumOk(['build', 'app', '--quiet=true', ...off], at).stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  const forced = cambiumOk(['build', '--progress', 'plain', '--no-cache=true', 'app'], at);
  expect(forced.stderr).toContain('asked for by --no-cache');
  // A value of another flag stays one, and so do words of another program.
  const value = cambium(['build', 'app', '--target', '--pull=false'], at);
  expect(value.stderr).toContain('has no stage `--pull=false`');
  const foreign = cambium(
    ['run', '--rm=true', '-e', 'A=1', 'oci-layout:///nowhere', 'sh', '--init=false'],
    at,
  );
  expect(foreign.stderr).toContain('/nowhere');
  expect(cambium(['build', 'app', '--tag=true', '--jobs=1'], at)).toMatchObject({ code: 0 });
});
