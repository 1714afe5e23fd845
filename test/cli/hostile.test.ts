/** Input that nobody means: what is said of it, and that the program stays in hand. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { boxImage } from '../support/box-image.ts';
import { type CliOptions, cambium, cambiumOk, program, startCambium } from '../support/cli.ts';
import { findingsIn } from '../support/leftovers.ts';
import { type Scratch, scratch } from '../support/scratch.ts';

let place: Scratch;
let at: CliOptions;

beforeAll(() => {
  place = scratch();
  at = boxImage(place);
});
afterAll(() => place[Symbol.dispose]());

/** A folder with this Dockerfile; gives its path. */
function project(name: string, dockerfile: string): string {
  mkdirSync(place.path(name), { recursive: true });
  writeFileSync(place.path(name, 'Dockerfile'), dockerfile);
  return place.path(name);
}

test('Ctrl-C ends a long chain of copies, none of which waits for anything', async () => {
  const copies = Array.from({ length: 400 }, (_, index) => `COPY Dockerfile /${index}\n`).join('');
  const path = project('chain', `FROM scratch\n${copies}`);
  const { child, ended } = startCambium(['build', '--progress', 'json', path], at);
  let isSent = false;
  child.stdout?.on('data', (data: Buffer) => {
    if (!isSent && data.includes('step-done')) isSent = child.kill('SIGINT');
  });
  const { code, stdout } = await ended;
  expect(stdout).toMatch(/"type":"build-done".*"outcome":"interrupted"/);
  expect(code).toBe(130);
});

test('a path that is too long for the system is told as that', () => {
  const path = project('deep', 'FROM scratch\nCOPY . /\n');
  const start = process.cwd();
  try {
    process.chdir(path);
    for (let depth = 0; depth < 25; depth++) {
      mkdirSync('d'.repeat(200));
      process.chdir('d'.repeat(200));
    }
  } finally {
    process.chdir(start);
  }
  const { code, stderr } = cambium(['build', path], at);
  // Node can't remove it either.
  execFileSync('rm', ['-r', path]);
  expect(stderr).toMatch(/error: A path is longer than the system takes/);
  expect(code).toBe(3);
});

test('a name with a line break stays in its row', () => {
  const path = project('names', 'FROM scratch\nCOPY . /\n');
  writeFileSync(place.path('names/a\nb\tc'), '1');
  cambiumOk(['build', path], at);
  writeFileSync(place.path('names/a\nb\tc'), '2');
  expect(cambiumOk(['plan', path], at).stdout).toMatch(/ a\\nb\\tc changed$/m);
});

test('names that hold escape sequences are shown, and obeyed by no terminal', () => {
  const path = project('escapes', 'FROM scratch\nCOPY . /\n');
  const odd = 'a\x1b[2Jb\nc';
  writeFileSync(place.path('escapes', odd), '1');
  cambiumOk(['build', path, '-t', 'escapes:1'], at);
  writeFileSync(place.path('escapes', odd), '2');
  const built = cambiumOk(
    ['build', path, '-t', 'escapes:2', '-o', `type=tar,dest=${place.path('t\n\x1b')}`],
    at,
  );
  const explained = cambiumOk(['explain', 'COPY . /'], at);
  const compared = cambiumOk(['image', 'diff', 'escapes:1', 'escapes:2'], at);
  expect(built.stderr).toContain('RUN (a\\x1b[2Jb\\nc changed)');
  expect(built.stderr).toMatch(/writing tar .*t\\n\\x1b\n/);
  expect(explained.stdout).toMatch(/^ +a\\x1b\[2Jb\\nc\n +- file 644 /m);
  expect(compared.stdout).toMatch(/^~ \/a\\x1b\[2Jb\\nc .*content$/m);
});

test('a store and a project at any path; what is to be typed next fits a shell', () => {
  const store = place.path(`st'o\n:r,=\\ "e`);
  const odd = `pro'j\n:e,=\\ ct`;
  const path = project(odd, 'FROM context\nRUN echo 1 > /file\nRUN exit 4\n');
  const oci = place.path('box-layout/');
  cambiumOk(['image', 'export', 'box', '-o', `type=oci,dest=${oci}`], at);
  const args = ['build', path, '--build-context', `context=oci-layout://${oci}`, '--store', store];
  const failed = cambium(args, { store: place.path('another') });
  expect(failed.stderr).toContain('The command exited with 4.');
  expect(failed.code).toBe(1);
  const typed = /hint: .*: cambium (shell --failed .*)$/m.exec(failed.stderr)?.[1] ?? '';
  const words = execFileSync('bash', ['-c', `printf '%s\\0' ${typed}`], { encoding: 'utf8' }).split('\0');
  expect(words.slice(0, -1)).toEqual(['shell', '--failed', '--store', store]);
  expect(cambiumOk(['shell', '--failed', '--store', store, 'cat', '/file'], at).stdout).toBe('1\n');
  const { stdout, code } = cambium(['doctor', '--repair', '--store', store], at);
  expect({ code, found: findingsIn(stdout) }).toEqual({ code: 0, found: [] });
});

test('a store that is reached by a link is the same one', () => {
  const path = project('linked', 'FROM box\nRUN echo 1 > /file\n');
  mkdirSync(place.path('folder'));
  symlinkSync('folder', place.path('link'));
  symlinkSync(at.store, place.path('folder/store'));
  const store = place.path('link/store');
  cambiumOk(['build', path, '-t', 'linked'], { store });
  expect(cambiumOk(['run', 'linked', 'cat', '/file'], { store }).stdout).toBe('1\n');
  expect(cambiumOk(['build', '--progress', 'json', path], at).stdout).not.toContain('step-started');
});

test('paths below a file, and links in a circle, are told as such', () => {
  writeFileSync(place.path('a-file'), '');
  symlinkSync('circle', place.path('circle'));
  const inProc = cambium(['image', 'export', 'box', '-o', 'type=tar,dest=/proc/x'], at);
  expect([inProc.code, inProc.stderr]).toEqual([3, expect.stringContaining('nothing can be made there')]);
  for (const odd of [place.path('a-file/x'), place.path('circle/x')]) {
    const commands: [string[], number][] = [
      [['build', odd], 2],
      [['build', place.path('linked'), '-f', odd], 2],
      [['build', place.path('linked'), '--store', odd], 3],
      [['store', 'create', odd], 3],
      [['store', 'create', '--btrfs', odd], 3],
      [['init', odd], 3],
      [['image', 'export', 'box', '-o', `type=tar,dest=${odd}`], 3],
      [['image', 'import', odd], 2],
      [['run', '-v', `${odd}:/x`, 'box', 'true'], 2],
    ];
    for (const [args, code] of commands) {
      const told = cambium(args, at);
      expect({ args, code: told.code, stderr: told.stderr }).toMatchObject({
        ...{ args, code },
        stderr: expect.stringMatching(/^error: (?!Internal)/),
      });
    }
  }
});

test('a store is made in no folder that holds something else, and nothing is left of one that was refused', () => {
  mkdirSync(place.path('full-folder'));
  writeFileSync(place.path('full-folder/file'), '');
  expect(cambium(['store', 'create', place.path('full-folder')], at)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('is not empty'),
  });
  expect(readdirSync(place.path('full-folder'))).toEqual(['file']);
  expect(cambium(['store', 'create', '--btrfs', '--size', '1m', place.path('small')], at).code).toBe(2);
  expect(existsSync(place.path('small'))).toBe(false);
});

test('an error of a build whose events can be written nowhere goes to standard error', () => {
  const path = project('full', 'FROM box\nRUN true\n');
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', '"$0" -- "$1" build --progress json "$2" >/dev/full', process.execPath, program, path],
    { env: { ...process.env, CAMBIUM_STORE: at.store, NODE_EXTRA_CA_CERTS: undefined }, encoding: 'utf8' },
  );
  expect(stderr).toMatch(/^error: No space is left on the disk/);
  expect(status).toBe(3);
});

test('a link out of the context leads nowhere, and no ignore file is to blame', () => {
  const path = project('links', 'FROM scratch\nCOPY out/passwd /\n');
  symlinkSync('/etc', place.path('links/out'));
  const { code, stderr } = cambium(['build', path], at);
  expect(stderr).toMatch(/error: out\/passwd was not found in /);
  expect(code).toBe(2);
});

test('a command that is too long for the system is told as that; its last line is not to blame', () => {
  const path = project('long', `FROM box\nRUN <<EOF\n${`: ${'x'.repeat(98)}\n`.repeat(2000)}EOF\n`);
  const { code, stderr } = cambium(['build', path], at);
  expect(stderr).toMatch(/failed: The command is too long for the system: /);
  expect(stderr).not.toMatch(/of its script|"level":"error"/);
  expect(code).toBe(1);
});

test('another instruction in a place of the file is no list of facts', () => {
  cambiumOk(['build', project('kind', 'FROM box\nRUN true\n')], at);
  const { stderr } = cambiumOk(['build', '--progress', 'plain', project('kind', 'FROM box\nCOPY . /\n')], at);
  expect(stderr).toContain('RUN (another kind of step was here)');
});

test.each([
  ['root without capabilities', ['setpriv', '--bounding-set=-all'], /without the right to mount/],
  ['root of a user namespace', ['unshare', '--user', '--map-root-user'], /of a user namespace only/],
])('%s is told that it has not all rights', (_, [command = '', ...args], says) => {
  const path = project('rights', 'FROM box\nRUN true\n');
  const asRoot = (...words: string[]) =>
    spawnSync(command, [...args, process.execPath, '--', program, ...words], {
      env: { ...process.env, CAMBIUM_STORE: at.store, NODE_EXTRA_CA_CERTS: undefined },
      encoding: 'utf8',
    });
  const built = asRoot('build', '--no-cache', path);
  expect(built.stderr).toMatch(/^error: Permission was denied.*\nhint: This root has not all rights/m);
  expect(built.status).toBe(3);
  expect(asRoot('doctor').stdout).toMatch(says);
});

test.each([
  [
    'cgroups that can only be read',
    'for m in $(awk "/cgroup/ { print \\$2 }" /proc/mounts); do mount -o remount,bind,ro $m; done',
    /Cgroups can only be read/,
  ],
  ['no cgroups', 'umount -R /sys/fs/cgroup', /No cgroups are mounted/],
  ['no /proc', 'umount -l /proc', /\/proc is not mounted/],
])('%s: said as it is', (_, prepare, says) => {
  const path = project('rights', 'FROM box\nRUN true\n');
  const script = `${prepare} && exec "$0" -- "$1" build --no-cache "$2"`;
  const { stderr, status } = spawnSync(
    'unshare',
    ['--mount', 'bash', '-c', script, process.execPath, program, path],
    { env: { ...process.env, CAMBIUM_STORE: at.store, NODE_EXTRA_CA_CERTS: undefined }, encoding: 'utf8' },
  );
  expect(stderr).toMatch(says);
  expect(status).toBe(3);
});

test('a build file in TypeScript that never ends is ended by a signal; what it logs is no output', async () => {
  const path = place.path('endless');
  mkdirSync(path);
  const start = "import { command, image } from 'cambium';\nconsole.log('begun');\n";
  writeFileSync(place.path('endless/cambium.ts'), `${start}while (true) {}\n`);
  const { child, ended } = startCambium(['build', '--progress', 'json', path], at);
  child.stderr?.on('data', (data: Buffer) => data.includes('begun') && child.kill('SIGINT'));
  const { code, stdout } = await ended;
  expect({ code, signal: child.signalCode, stdout }).toEqual({ code: null, signal: 'SIGINT', stdout: '' });

  writeFileSync(
    place.path('endless/cambium.ts'),
    `${start}export default image({ base: 'box', stages: [command('true')] });\n`,
  );
  expect(cambiumOk(['build', '-q', path], at).stdout).toMatch(/^sha256:\w{64}\n$/);
});

test('a setting that changed is named, beside one whose value has line breaks', () => {
  const path = place.path('settings');
  mkdirSync(place.path('settings/stages/one'), { recursive: true });
  writeFileSync(place.path('settings/stages/one/inside.sh'), '#!/bin/sh\n. "$settings_file"\n', {
    mode: 0o755,
  });
  const write = (size: number) =>
    writeFileSync(
      place.path('settings/cambium.ts'),
      `import { image, stage } from 'cambium';
const settings = { text: "it's\\n#2 \\"$HOME\\" \\\\", size: ${size} };
export default image({ base: 'box', stages: [stage('one', { settings })] });\n`,
    );
  write(1);
  cambiumOk(['build', path], at);
  write(2);
  cambiumOk(['build', path], at);
  expect(cambiumOk(['explain', 'one'], at).stdout).toMatch(
    /: setting size changed\n(?:.*\n)+ +setting size\n +- \w{12}\n +\+ \w{12}\n$/,
  );
});

test('what a build file in TypeScript throws out of a timer or a promise is told as its own', () => {
  mkdirSync(place.path('late'));
  const thrown = (statement: string) => {
    const text = `import { command, image } from 'cambium';
setTimeout(async () => {
  ${statement}
});
export default image({ base: 'box', stages: [command('sleep 60')] });\n`;
    writeFileSync(place.path('late/cambium.ts'), text);
    return cambium(['build', '--progress', 'json', place.path('late')], at);
  };
  for (const [statement, message, line] of [
    ["throw new TypeError('too late');", 'TypeError: too late', 3],
    ['const none: any = null; none.field;', /^TypeError: Cannot read/, 3],
    ["await Promise.reject('no reason');", 'The build file rejected a promise with no reason.', undefined],
  ] as const) {
    const { code, stdout } = thrown(statement);
    const told = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(told).toMatchObject({ type: 'error', code: 'program-failed', exitCode: 2 });
    expect(told.message).toMatch(message);
    expect(told.location).toEqual({ file: place.path('late/cambium.ts'), ...(line && { line }) });
    expect(code).toBe(2);
  }
  expect(cambium(['build', place.path('late')], at).stderr).toContain('rejected a promise');
});

test('after Ctrl-C nobody waits until many files are removed: they go beside the next work', async () => {
  mkdirSync(place.path('large'));
  const write = (command: string) =>
    writeFileSync(place.path('large/Dockerfile'), `FROM box\nRUN ${command}; echo made; sleep 600\n`);
  const build = ['build', '--progress', 'plain', place.path('large')];
  const rubbish = () => {
    const folder = join(at.store, 'rubbish');
    return existsSync(folder) ? readdirSync(folder) : [];
  };
  write('mkdir /many && cd /many && seq 3000 | xargs touch');
  const stopped = startCambium(build, at);
  let [output, isSent] = ['', false];
  stopped.child.stderr?.on('data', (data: Buffer) => {
    output += data.toString();
    // Once: a second signal would end it before all is in order.
    if (!isSent && / made$/m.test(output)) isSent = stopped.child.kill('SIGINT');
  });
  expect((await stopped.ended).code).toBe(130);
  expect(rubbish()).toHaveLength(1);
  expect(readdirSync(join(at.store, 'run'))).toEqual([]);

  write('true');
  const next = startCambium(build, at);
  while (rubbish().length > 0 && next.child.exitCode === null) await sleep(5);
  next.child.kill('SIGINT');
  expect((await next.ended).code).toBe(130);
  expect(rubbish()).toEqual([]);
});
