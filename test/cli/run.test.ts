/** `cambium run` over the real command line: what reaches the command, what comes back, and what stays. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { boxImage } from '../support/box-image.ts';
import { type CliResult, cambium, cambiumOk, program, startCambium } from '../support/cli.ts';
import { leftovers } from '../support/leftovers.ts';
import { scratch } from '../support/scratch.ts';

const place = scratch();
let at: { store: string; cwd: string };
beforeAll(() => {
  at = boxImage(place);
});
afterAll(() => place[Symbol.dispose]());

const run = (...args: string[]): CliResult => cambium(['run', ...args], at);
const sh = (script: string, ...flags: string[]): CliResult => run(...flags, 'box', 'sh', '-c', script);

describe('the process', () => {
  test('exit codes pass through', () => {
    expect(sh('echo out; echo err >&2; exit 7')).toEqual({ code: 7, stdout: 'out\n', stderr: 'err\n' });
    expect(sh('kill -TERM $$').code).toBe(143);
    const missing = run('box', 'nosuch');
    expect(missing).toMatchObject({ code: 127, stdout: '' });
    expect(missing.stderr).toMatch(/^error: nosuch was not found/);
    expect(run('box', '/etc')).toMatchObject({ code: 126, stdout: '' });
    expect(sh('echo never', '--timeout', '0.01s').code).toBe(124);
  });

  test('variables, folder, user, host name', () => {
    writeFileSync(place.path('vars'), '# a comment\n\nFILE=1\nBOTH=file\n  HOSTS_OWN\n');
    const flags = [
      '--env-file',
      'vars',
      '-e',
      'BOTH=flag',
      '-e',
      'EMPTY=',
      '-e',
      'NOT_HERE',
      '-e',
      'HOSTS_OWN',
    ];
    const { stdout } = cambiumOk(
      [
        'run',
        ...flags,
        '-w',
        '/srv/new',
        '-u',
        'app',
        '--hostname',
        'there',
        'box',
        'sh',
        '-c',
        'env; pwd; id; hostname',
      ],
      { ...at, env: { HOSTS_OWN: 'yes', SECRET_OF_HOST: 'no' } },
    );
    for (const line of [
      'FILE=1',
      'BOTH=flag',
      'EMPTY=',
      'HOSTS_OWN=yes',
      'HOME=/home/app',
      'HOSTNAME=there',
      '/srv/new',
      'there',
    ])
      expect(stdout.split('\n')).toContain(line);
    expect(stdout).toContain('uid=1000(app) gid=1001(app)');
    expect(stdout).not.toMatch(/NOT_HERE|SECRET_OF_HOST|CAMBIUM/);
  });

  test('what the image says, and what is said instead', () => {
    writeFileSync(
      place.path('Dockerfile'),
      'FROM box\nENV A=image\nWORKDIR /srv\nUSER app\nENTRYPOINT ["echo", "entry"]\nCMD ["cmd"]\n',
    );
    cambiumOk(['build', '-q', '-t', 'said', '.'], at);
    expect(run('said').stdout).toBe('entry cmd\n');
    expect(run('said', 'other').stdout).toBe('entry other\n');
    expect(run('--entrypoint', 'pwd', 'said').stdout).toBe('/srv\n');
    expect(run('--entrypoint', '', 'said', 'id', '-un').stdout).toBe('app\n');
    expect(run('--entrypoint', '', 'said')).toMatchObject({ code: 2 });
    expect(run('box').stderr).toMatch(/doesn't say what to run.\nhint: Say it: cambium run box COMMAND/);
  });

  test("flags after the image are the command's", () => {
    expect(run('box', 'echo', '-e', 'a', '--help').stdout).toBe('a --help\n');
  });

  test('standard input goes in with -i alone, byte by byte', () => {
    const input = `${'x'.repeat(200_000)}\0\n`;
    const digest = createHash('sha256').update(input).digest('hex');
    expect(cambium(['run', '-i', 'box', 'sha256sum'], { ...at, input }).stdout).toBe(`${digest}  -\n`);
    expect(cambium(['run', '-i', 'box', 'wc', '-c'], { ...at, input }).stdout.trim()).toBe('200002');
    expect(cambium(['run', 'box', 'wc', '-c'], { ...at, input }).stdout.trim()).toBe('0');
  });

  test('much output costs no memory of ours', async () => {
    const script = 'yes | head -c 300m; yes e | head -c 30m >&2';
    const child = spawn(process.execPath, [program, 'run', 'box', 'sh', '-c', script], {
      env: { ...process.env, CAMBIUM_STORE: at.store },
      stdio: 'ignore',
    });
    let peakKiB = 0;
    const watch = setInterval(() => {
      if (!existsSync(`/proc/${child.pid}/status`)) return;
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      peakKiB = Math.max(peakKiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0));
    }, 20);
    expect(await once(child, 'exit')).toEqual([0, null]);
    clearInterval(watch);
    expect(peakKiB).toBeGreaterThan(1000);
    expect(peakKiB).toBeLessThan(200 * 1024);
  });

  test('a reader that goes away ends it', () => {
    const line = `'${process.execPath}' '${program}' run box yes | head -n 2`;
    const { stdout } = spawnSync('sh', ['-c', line], { env: { ...process.env, CAMBIUM_STORE: at.store } });
    expect(stdout.toString()).toBe('y\ny\n');
    expect(leftovers(at.store).processes).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const)(
    '%s reaches the command',
    async (name) => {
      const script = `trap 'echo got; exit 9' ${name.slice(3)}; echo ready; while :; do sleep 0.02; done`;
      const { child, ended } = startCambium(['run', 'box', 'sh', '-c', script], at);
      child.stdout?.once('data', () => child.kill(name));
      expect(await ended).toEqual({ code: 9, stdout: 'ready\ngot\n', stderr: '' });
    },
  );

  test('a command that ignores requests to end is ended at the third', async () => {
    const script = `trap 'echo no' INT TERM; echo ready; while :; do sleep 0.02; done`;
    const { child, ended } = startCambium(['run', 'box', 'sh', '-c', script], at);
    child.stdout?.on('data', (data: Buffer) => {
      for (const _ of data.toString().matchAll(/\n/g)) child.kill('SIGINT');
    });
    expect(await ended).toEqual({ code: 130, stdout: 'ready\nno\nno\n', stderr: '' });
    expect(leftovers(at.store)).toMatchObject({ processes: [], runs: [] });
  });
});

describe('mounts', () => {
  test('folders and files of the host, to write and to read', () => {
    mkdirSync(place.path('host/deep'), { recursive: true });
    writeFileSync(place.path('host/file'), 'from the host\n');
    symlinkSync('host', place.path('link'));
    const { stdout } = sh(
      'cat /a/file /srv/one; echo inside > /a/new; touch /b/x 2>&1; cat /c/file',
      ...['-v', './host:/a', '-v', `${place.path('host/file')}:/srv/one:ro`, '-v', './host/deep/..:/b:ro'],
      ...['--mount', 'type=bind,src=link,dst=/c'],
    );
    expect(stdout).toBe('from the host\nfrom the host\ntouch: /b/x: Read-only file system\nfrom the host\n');
    expect(readFileSync(place.path('host/new'), 'utf8')).toBe('inside\n');
  });

  test('a volume is made, begins with what the image has there, and keeps what is written', () => {
    const made = sh('cat /srv/old; stat -c %a:%u /srv; echo kept > /srv/new', '-v', 'data:/srv');
    expect(made.stdout).toBe('old\n755:0\n');
    expect(sh('ls /x', '-v', 'data:/x:ro').stdout).toBe('folder\nnew\nold\n');
    expect(sh('touch /x/y', '-v', 'data:/x:ro').stderr).toContain('Read-only');
    // It has content now: nothing of the image is added.
    expect(sh('ls /etc', '-v', 'data:/etc').stdout).not.toContain('passwd');
    expect(sh('ls -A /srv', '-v', 'bare:/srv:nocopy').stdout).toBe('');
    // An empty one that was there before gets it too.
    cambiumOk(['volume', 'create', 'empty'], at);
    expect(sh('ls /srv', '-v', 'empty:/srv').stdout).toBe('folder\nold\n');
    const part = ['--mount', 'type=volume,source=data,target=/p,volume-subpath=folder'];
    expect(sh('cat /p/inside', ...part).stdout).toBe('inside\n');
    expect(run('-v', 'data:/srv', 'box', 'true').code).toBe(0);
    expect(cambiumOk(['volume', 'ls', '-q'], at).stdout).toBe('bare\ndata\nempty\n');
  });

  test('what it begins with comes whole or not at all, whoever dies meanwhile', async () => {
    const many = 'mkdir /many; seq 3000 | (cd /many; xargs touch)';
    cambiumOk(['run', '--commit', 'many', 'box', 'sh', '-c', many], at);
    cambiumOk(['volume', 'create', 'filled'], at);
    const data = join(at.store, 'volumes/filled/fs');
    const { child, ended } = startCambium(['run', '-v', 'filled:/many', 'many', 'true'], at);
    const halves = () =>
      readdirSync(join(at.store, 'run'), { withFileTypes: true })
        .filter((run) => run.isDirectory())
        .flatMap((run) =>
          readdirSync(join(run.parentPath, run.name)).map((name) =>
            join(run.parentPath, run.name, name, 'fs'),
          ),
        )
        .filter((folder) => existsSync(join(folder, '1')));
    while (!existsSync(join(data, '1')) && halves().length === 0 && child.exitCode === null) await sleep(1);
    child.kill('SIGKILL');
    expect(await ended).toMatchObject({ code: null });
    expect(readdirSync(data)).toEqual([]);
    const counted = run('-v', 'filled:/many', 'many', 'sh', '-c', 'ls /many | wc -l');
    expect(counted.stdout.trim()).toBe('3000');
    cambiumOk(['volume', 'rm', 'filled'], at);
  });

  test('one without a name goes with the run', () => {
    expect(sh('ls /srv; echo a > /srv/new', '-v', '/srv', '--read-only').stdout).toBe('folder\nold\n');
    expect(sh('ls /srv').stdout).toBe('folder\nold\n');
    expect(cambiumOk(['volume', 'ls', '-q'], at).stdout).toBe('bare\ndata\nempty\n');
  });

  test('in use as long as the command runs, also after its death', async () => {
    const { child, ended } = startCambium(
      ['run', '-v', 'busy:/b', 'box', 'sh', '-c', 'echo in; sleep 30'],
      at,
    );
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    onTestFinished(() => void child.kill('SIGKILL'));
    const refused = cambium(['volume', 'rm', 'busy'], at);
    expect(refused.stderr).toContain('in use by cambium run');
    expect(refused.code).toBe(2);
    child.kill('SIGKILL');
    await ended;
    cambiumOk(['volume', 'rm', 'busy'], at);
  });

  test('tmpfs, a root that stays as it is, and --shm-size', () => {
    const flags = ['--read-only', '--tmpfs', '/tmp:size=1m', '--tmpfs', '/run:exec,mode=700'];
    const { stdout } = sh(
      `touch /x 2>&1; cp /bin/busybox /tmp/b 2>/dev/null || echo full
       printf '#!/bin/sh\necho ran' > /run/s; chmod +x /run/s; /run/s; cp /run/s /tmp; /tmp/s 2>&1
       df -m /dev/shm | tail -n 1 | awk '{ print $2 }'`,
      ...[...flags, '--shm-size', '8m'],
    );
    expect(stdout).toMatch(/^touch: .*Read-only.*\nfull\nran\n.*Permission denied\n8\n$/);
  });
});

describe('what stays', () => {
  test('nothing of the fork', () => {
    expect(sh('echo x > /left; rm /srv/old').code).toBe(0);
    expect(sh('ls /left /srv').stdout).toBe('/srv:\nfolder\nold\n');
    expect(leftovers(at.store)).toMatchObject({ processes: [], runs: [], mounts: [] });
  });

  test('with --commit an image, when the command succeeds', () => {
    const flags = ['-e', 'NEW=1', '-w', '/srv', '-u', 'app', '-v', 'data:/mounted', '--commit', 'kept:1'];
    expect(run(...flags, 'box', 'sh', '-c', 'exit 3').code).toBe(3);
    expect(cambium(['image', 'inspect', 'kept:1'], at).code).toBe(2);
    cambiumOk(['run', ...flags, '-u', '', 'box', 'sh', '-c', 'rm old; echo new > new; echo "$NEW"'], at);
    expect(
      run('--entrypoint', 'sh', 'kept:1', '-c', 'ls; id -u; echo $NEW; ls / | grep mounted').stdout,
    ).toBe('folder\nnew\n0\n1\n');
    const { stdout } = cambiumOk(['image', 'inspect', 'kept:1'], at);
    expect(stdout).toContain('"WorkingDir": "/srv"');
    expect(cambiumOk(['image', 'history', 'kept:1'], at).stdout).toContain('rm old; echo new');
    // On top of it, as on any image.
    writeFileSync(place.path('Dockerfile'), 'FROM kept:1\nRUN test -e /srv/new\n');
    cambiumOk(['build', '-q', '.'], at);
  });
});

describe('images', () => {
  test('a folder, a tar, an OCI layout: brought in once', () => {
    cambiumOk(['image', 'export', 'box', '-o', `type=oci,dest=${place.path('layout')}/`], at);
    for (const source of ['./rootfs', 'rootfs.tar', `oci-layout://${place.path('layout')}`]) {
      expect(run(source, 'cat', '/srv/old')).toEqual({ code: 0, stdout: 'old\n', stderr: '' });
      const before = readdirSync(join(at.store, 'snapshots'));
      expect(run(source, 'cat', '/srv/old').stdout).toBe('old\n');
      expect(readdirSync(join(at.store, 'snapshots'))).toEqual(before);
    }
  });

  test('by its id', () => {
    const id = cambiumOk(['image', 'ls', '-q'], at).stdout.split('\n').at(-2) as string;
    expect(run(id.slice(0, 12), 'true').code).toBe(0);
  });
});

/** What a server of this machine says; nothing when there is none. */
function ask(port: number): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (data: Buffer) => (said += data.toString()));
    socket.on('error', () => {}).on('close', () => resolve(said));
  });
}

describe('networks', () => {
  test('a port of the host leads into the run, and one that is taken is told', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const taken = (server.address() as AddressInfo).port;
    const refused = run('-p', `127.0.0.1:${taken}:80`, 'box', 'true');
    expect(refused).toMatchObject({ code: 3, stdout: '' });
    expect(refused.stderr).toContain(`127.0.0.1:${taken}/tcp can't be taken`);
    server.close();
    // The port is free now.
    const script = 'echo hello | nc -l -p 80; sleep 0.1';
    const { ended } = startCambium(['run', '-p', `127.0.0.1:${taken}:80`, 'box', 'sh', '-c', script], at);
    let answer = '';
    for (let tries = 0; tries < 200 && answer === ''; tries++) {
      await sleep(20);
      answer = await ask(taken);
    }
    expect(answer).toBe('hello\n');
    expect(await ended).toMatchObject({ code: 0 });
  });

  test('lines of /etc/hosts', () => {
    const { stdout } = sh('cat /etc/hosts', '--network', 'none', '--add-host', 'db:10.1.2.3');
    expect(stdout).toMatch(/^10\.1\.2\.3\tdb$/m);
  });

  test('host-gateway leads to what listens on this machine, but from `none`', async () => {
    const server = createServer((socket) => socket.end('the host\n')).listen(0, '0.0.0.0');
    await once(server, 'listening');
    const script = `nc gateway ${(server.address() as AddressInfo).port}`;
    const hosts = ['--add-host', 'gateway:host-gateway'];
    for (const network of ['host', 'nat']) {
      const args = ['run', '--network', network, ...hosts, 'box', 'sh', '-c', script];
      expect(await startCambium(args, at).ended).toEqual({ code: 0, stdout: 'the host\n', stderr: '' });
    }
    server.close();
    expect(sh('cat /etc/hosts', '--network', 'none', ...hosts).stdout).not.toContain('gateway');
  });

  test('name servers, domains and options', () => {
    const flags = [
      '--dns',
      '10.9.8.7',
      '--dns',
      '::1',
      '--dns-search',
      'corp.test',
      '--dns-option',
      'ndots:2',
    ];
    const asked = 'nameserver 10.9.8.7\nnameserver ::1\nsearch corp.test\noptions ndots:2\n';
    for (const network of ['none', 'nat'])
      expect(sh('cat /etc/resolv.conf', '--network', network, ...flags).stdout).toBe(asked);
    const { stdout } = sh('cat /etc/resolv.conf', '--network', 'nat', '--dns-search', 'corp.test');
    expect(stdout).toBe('nameserver 10.0.2.3\nsearch corp.test\n');
  });
});

describe('rights', () => {
  const held = (...flags: string[]) => {
    const { stdout } = sh("sed -n 's/^CapEff:\\s*//p; s/^NoNewPrivs:\\s*/ /p' /proc/self/status", ...flags);
    const [capabilities = '', noNewPrivileges = ''] = stdout.trim().split('\n');
    return { bits: BigInt(`0x${capabilities}`), noNewPrivileges: noNewPrivileges.trim() };
  };
  const bit = (...numbers: number[]) => numbers.reduce((sum, number) => sum | (1n << BigInt(number)), 0n);
  const [chown, netAdmin, netRaw, ptrace] = [0, 12, 13, 19];

  test('taken away and given', () => {
    const usual = held().bits;
    expect(usual & bit(chown, netAdmin, netRaw, ptrace)).toBe(bit(chown, netRaw));
    expect(held('--cap-drop', 'net_raw').bits).toBe(usual & ~bit(netRaw));
    expect(held('--cap-drop', 'ALL', '--cap-add', 'CAP_CHOWN').bits).toBe(bit(chown));
    expect(held('--cap-add', 'SYS_PTRACE', '--cap-add', 'NET_ADMIN', '--network', 'none').bits).toBe(
      usual | bit(ptrace, netAdmin),
    );
    expect(sh('chown 1 /srv', '--cap-drop', 'chown')).toMatchObject({ code: 1 });
  });

  test('no new privileges', () => {
    expect(held().noNewPrivileges).toBe('0');
    for (const text of ['no-new-privileges', 'no-new-privileges:true', 'no-new-privileges=true'])
      expect(held('--security-opt', text).noNewPrivileges).toBe('1');
  });

  test('further groups', () => {
    expect(sh('id', '-u', 'app', '--group-add', '77').stdout).toMatch(/groups=.*\b77\b/);
    expect(sh('id -G', '-u', '5:6', '--group-add', 'app').stdout.trim().split(' ').sort()).toEqual(
      ['6', '1001'].sort(),
    );
  });
});

test('--stop-signal is what TERM becomes, and what an image keeps', async () => {
  const script = "trap 'echo quit; exit 0' QUIT; echo ready; while :; do sleep 0.02; done";
  const flags = ['--stop-signal', 'quit', '--commit', 'stops'];
  const { child, ended } = startCambium(['run', ...flags, 'box', 'sh', '-c', script], at);
  child.stdout?.once('data', () => child.kill('SIGTERM'));
  expect(await ended).toMatchObject({ code: 0, stdout: 'ready\nquit\n' });
  expect(JSON.parse(cambiumOk(['image', 'inspect', 'stops'], at).stdout)).toMatchObject([
    { config: { StopSignal: 'quit' } },
  ]);
});

test('limits hold', () => {
  const { stdout } = sh(
    'ulimit -n; for i in $(seq 60); do sleep 1 & done 2>/dev/null; ls -d /proc/[0-9]* | wc -l',
    ...['--ulimit', 'nofile=77:99', '--pids', '20'],
  );
  expect(stdout.split('\n')[0]).toBe('77');
  expect(Number(stdout.split('\n')[1] || 0)).toBeLessThanOrEqual(20);
  const full = sh('head -c 200m /dev/zero | tail', '--memory', '24m');
  expect(full).toMatchObject({ code: 137, stdout: '' });
  expect(full.stderr).toMatch(
    /error: The command ran out of memory.*24 MiB.*\nhint: Give it more with --memory/,
  );
});

test.each([
  [['127.0.0.1:1/nosuch', 'true'], 3, 'The store has no image `127.0.0.1:1/nosuch`'],
  [['./nosuch', 'true'], 2, "doesn't exist"],
  [[], 2, 'Missing required argument'],
  [['-v', 'x', 'box', 'true'], 2, 'begins with `/`'],
  [['-v', 'a:b', 'box', 'true'], 2, 'begins with `/`'],
  [['-v', 'a:/b:wo', 'box', 'true'], 2, 'ro, rw'],
  [['-v', 'a:/b:ro:c', 'box', 'true'], 2, 'it takes VOLUME:/PLACE'],
  [['-v', 'a/b:/c', 'box', 'true'], 2, 'names no volume'],
  [['-v', '-a:/c', 'box', 'true'], 2, "can't be the name of a volume"],
  [['-v', './nosuch:/c', 'box', 'true'], 2, "doesn't exist, so it can't be mounted"],
  [['-v', 'a:/', 'box', 'true'], 2, "the image's root itself"],
  [['-v', 'a:/x/..', 'box', 'true'], 2, "the image's root itself"],
  [['-v', 'a:/b', '--tmpfs', '/b/', 'box', 'true'], 2, 'the same place, /b'],
  [['-v', 'a:/etc/passwd', 'box', 'true'], 2, 'Nothing can be mounted at /etc/passwd'],
  [['--mount', 'type=bind,dst=/a', 'box', 'true'], 2, 'has a source'],
  [['--mount', 'type=tmpfs,src=a,dst=/a', 'box', 'true'], 2, 'a mount of type tmpfs has'],
  [['--mount', 'type=volume,src=data,dst=/a,volume-subpath=no', 'box', 'true'], 2, 'data has no no'],
  [['--tmpfs', '/a:sise=1m', 'box', 'true'], 2, '`sise=1m` is none of'],
  [['-p', 'x:80', 'box', 'true'], 2, 'of --publish is wrong'],
  [['-p', '80:70000', 'box', 'true'], 2, 'of --publish is wrong'],
  [['-p', '80-81:80', 'box', 'true'], 2, 'the same length'],
  [['-p', '[::1]:80:80', 'box', 'true'], 2, 'IPv4'],
  [['-p', '80:80', '--network', 'none', 'box', 'true'], 2, 'Ports (-p) lead into'],
  [['--network', 'nowhere', 'box', 'true'], 2, 'host, none, nat'],
  [['-w', 'relative', 'box', 'true'], 2, 'from `/` on'],
  [['-u', 'nobody-there', 'box', 'true'], 2, "has no user 'nobody-there'"],
  [['-e', '=x', 'box', 'true'], 2, 'NAME=VALUE'],
  [['--env-file', 'nosuch', 'box', 'true'], 2, "can't be read"],
  [['--timeout', 'soon', 'box', 'true'], 2, 'a duration'],
  [['--cpus', '-1', 'box', 'true'], 2, 'number of cores'],
  [['--memory', 'much', 'box', 'true'], 2, 'a size'],
  [['-m', '1', 'box', 'true'], 2, '6m or more'],
  [['--cap-add', 'SYS_ADMIN', 'box', 'true'], 2, 'could change this machine'],
  [['--cap-add', 'ALL', 'box', 'true'], 2, 'could change this machine'],
  [['--cap-add', 'NET_ADMIN', 'box', 'true'], 2, 'use --network nat or none'],
  [['--cap-drop', 'a b', 'box', 'true'], 2, 'the name of a capability'],
  [['--security-opt', 'seccomp=unconfined', 'box', 'true'], 2, 'no-new-privileges'],
  [['--group-add', 'nogroup', 'box', 'true'], 2, "no group 'nogroup'"],
  [['--dns', 'example.com', 'box', 'true'], 2, 'an IP address'],
  [['--add-host', 'db:here', 'box', 'true'], 2, 'HOST:host-gateway'],
  [['--stop-signal', 'SOON', 'box', 'true'], 2, 'a signal'],
  [['--ulimit', 'nofile=5', 'box', 'true'], 2, 'too low for the container runtime'],
  [['--pids', '-3', 'box', 'true'], 2, 'whole number'],
  [['--hostname', 'a b', 'box', 'true'], 2, 'letters, digits'],
  [['--commit', 'Bad Name', 'box', 'true'], 2, 'is no name of an image'],
  [['-it', 'box', 'true'], 2, 'there is none here'],
])('%j is refused with a clear error', (args, code, message) => {
  const result = run(...args);
  expect(result).toMatchObject({ code, stdout: '' });
  // With hardly a file to open, the runtime may say so first, where its log can't be.
  expect(result.stderr).toMatch(/^error: /m);
  expect(result.stderr).toContain(message);
  expect(result.stderr).not.toMatch(/ {4}at |undefined|Internal/);
});

test('flags of docker run: those that go without saying, and those that are refused with what to do instead', () => {
  expect(
    run('--cpus', '0', '-m', '0', '--init', '--rm', '--net', 'none', '-h', 'there', 'box', 'hostname'),
  ).toMatchObject({
    code: 0,
    stdout: 'there\n',
  });
  expect(run('--help').stdout).toContain('Usage: cambium run');
  const refused = [['-d'], ['--name', 'x'], ['--privileged'], ['--pid=host'], ['--pull', 'always']];
  for (const flags of refused) {
    const { code, stdout, stderr } = run(...flags, 'box', 'echo', 'ran');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: `cambium run` has no `--[a-z-]+`\.\nhint: /);
  }
});

test('what is refused makes nothing', () => {
  expect(cambiumOk(['volume', 'ls', '-q'], at).stdout).toBe('bare\ndata\nempty\n');
  expect(leftovers(at.store)).toMatchObject({ processes: [], runs: [], mounts: [] });
});
