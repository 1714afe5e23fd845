/**
 * What the caller of a build holds and a plan only names: secrets and SSH agents. It reaches a run as files in memory,
 * variables and sockets, and nothing of it is kept.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { outside, wrongUse } from '../../kit/errors.ts';
import { statIfThere } from '../../kit/stat.ts';
import type { SecretMount, SshMount } from '../../plan/index.ts';

export interface Provisions {
  /** By id. */
  secrets: Readonly<Record<string, SecretSource>>;
  /** By id: the socket of an agent, or files with private keys. */
  ssh: Readonly<Record<string, readonly string[]>>;
}

export type SecretSource = { file: string } | { env: string };

export const noProvisions: Provisions = { secrets: {}, ssh: {} };

/** A secret's content; undefined when nobody gave one. */
export function secretContent({ secrets }: Provisions, { id, required }: SecretMount): Buffer | undefined {
  const source = secrets[id];
  if (source === undefined) {
    if (!required) return undefined;
    throw wrongUse('missing-secret', `The step needs the secret \`${id}\`, which was not given.`, {
      hint: `Give it: --secret id=${id},src=FILE or --secret id=${id},env=NAME`,
    });
  }
  if ('env' in source) return Buffer.from(process.env[source.env] ?? '');
  try {
    return readFileSync(source.file);
  } catch (error) {
    throw wrongUse('missing-secret', `The secret \`${id}\` can't be read from ${source.file}.`, {
      cause: error,
    });
  }
}

/** Writes a secret below `dir`, a folder in memory; returns the host path. */
export function writeSecret(dir: string, name: string, content: Buffer, mount: SecretMount): string {
  const path = join(dir, name);
  writeFileSync(path, content, { mode: 0o600, flag: 'wx' });
  chownSync(path, mount.owner.uid, mount.owner.gid);
  chmodSync(path, mount.mode);
  return path;
}

export interface AgentSocket {
  /** Host path of a socket that leads to the agent. */
  path: string;
  close(): Promise<void>;
}

/** A socket of the run's own, with the owner and mode that the mount asks for; undefined when no agent was given. */
export async function openAgent(
  { ssh }: Provisions,
  mount: SshMount,
  path: string,
): Promise<AgentSocket | undefined> {
  const sources = ssh[mount.id];
  if (sources === undefined) {
    if (!mount.required) return undefined;
    throw wrongUse('missing-ssh', `The step needs the SSH agent \`${mount.id}\`, which was not given.`, {
      hint: `Give it: --ssh ${mount.id}`,
    });
  }
  const agent = await agentOf(mount.id, sources, `${path}.agent`);
  const server = createServer((client) => {
    const upstream = connect(agent.path);
    client.pipe(upstream).pipe(client);
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  chownSync(path, mount.owner.uid, mount.owner.gid);
  chmodSync(path, mount.mode);
  return {
    path,
    close: async () => {
      server.close();
      await agent.close();
    },
  };
}

/** The caller's agent, or one of our own with the keys of files. */
async function agentOf(id: string, sources: readonly string[], path: string): Promise<AgentSocket> {
  const [first] = sources.length > 0 ? sources : [process.env['SSH_AUTH_SOCK'] ?? ''];
  const stats = first ? statIfThere(first) : undefined;
  if (stats?.isSocket() && sources.length <= 1) return { path: first as string, close: async () => {} };
  if (stats === undefined) {
    const what = first ? `${first} doesn't exist` : 'SSH_AUTH_SOCK is not set';
    throw wrongUse('missing-ssh', `There is no SSH agent for \`${id}\`: ${what}.`, {
      hint: `Start one with ssh-agent, or name a key: --ssh ${id}=FILE`,
    });
  }
  const child = spawn('ssh-agent', ['-D', '-a', path], { stdio: 'ignore' });
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) =>
      reject(
        outside('missing-program', 'Keys for --ssh need the program ssh-agent, which is not installed.', {
          hint: 'Install it (Debian: `apt-get install openssh-client`).',
          cause: error,
        }),
      ),
    );
  });
  const close = async () => {
    child.kill('SIGTERM');
  };
  await Promise.race([waitFor(path), failed]);
  const added = spawnSync('ssh-add', [...sources], {
    env: { ...process.env, SSH_AUTH_SOCK: path, SSH_ASKPASS: '/bin/false' },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (added.status !== 0) {
    await close();
    throw wrongUse('bad-ssh-key', `The keys for --ssh ${id} can't be used: ${added.stderr.trim()}`);
  }
  return { path, close };
}

async function waitFor(path: string): Promise<void> {
  const endMs = Date.now() + 5000;
  while (statSync(path, { throwIfNoEntry: false }) === undefined) {
    if (Date.now() > endMs) throw outside('no-ssh-agent', 'ssh-agent did not start.');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
