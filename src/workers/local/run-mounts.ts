/** Makes the mounts of one run: what a plan says of them becomes folders, files and sockets of this machine. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { mountOverlay, mountTmpfs } from '../../kit/system.ts';
import type { Mount, RunOp, SecretMount, SshMount, StepMount } from '../../plan/index.ts';
import type { StepTask } from '../worker.ts';
import type { OpenCaches } from './caches.ts';
import { inTree } from './in-tree.ts';
import { type AgentSocket, openAgent, secretContent, writeSecret } from './provisions.ts';
import type { RunPlace } from './run-place.ts';
import type { RunMount } from './runtimes/index.ts';

export interface OpenMounts {
  mounts: readonly RunMount[];
  /** Variables that come from secrets and agents. */
  env: Readonly<Record<string, string>>;
}

type MountTask = Pick<StepTask, 'snapshotOf'> & {
  /** Host folder of each cache. */
  caches: OpenCaches['hosts'];
};

/** Where the parts of one run lie; the caller ends the mounts there. */
export interface RunFolders {
  /** In memory. */
  dir: string;
  /** In the store, made when it is asked for: to make and to remove a folder there takes longer than most of what a run needs. */
  disk(): string;
}

/** Calls `body` with all mounts open. */
export async function withMounts<T>(
  place: RunPlace,
  op: Pick<RunOp, 'mounts' | 'security'>,
  folders: RunFolders,
  task: MountTask,
  body: (open: OpenMounts) => Promise<T>,
): Promise<T> {
  const agents: AgentSocket[] = [];
  const env: Record<string, string> = {};
  try {
    const opened: RunMount[] = [];
    for (const [index, mount] of op.mounts.entries()) {
      const isSealed = op.security === 'builder';
      const target = await openMount({ place, ...folders, task, agents, env, isSealed }, mount, index);
      if (target !== undefined) opened.push(target);
    }
    return await body({ mounts: opened, env });
  } finally {
    for (const agent of agents) await agent.close();
  }
}

interface Opening extends RunFolders {
  place: RunPlace;
  task: MountTask;
  agents: AgentSocket[];
  env: Record<string, string>;
  /** The run may mount, and could make a read-only mount writable. */
  isSealed: boolean;
}

async function openMount(opening: Opening, mount: Mount, index: number): Promise<RunMount | undefined> {
  switch (mount.type) {
    case 'tmpfs':
      return mount;
    case 'step':
      return openStep(opening, mount, index);
    case 'cache':
    case 'volume': {
      const source = opening.task.caches.get(mount) as string;
      return { type: 'bind', source, target: mount.target, readonly: mount.readOnly };
    }
    case 'secret':
      return openSecret(opening, mount, index);
    case 'ssh':
      return openSsh(opening, mount, index);
  }
}

function openStep(
  { place: { snapshots }, dir, disk, task, isSealed }: Opening,
  mount: StepMount,
  index: number,
): RunMount {
  const snapshot = task.snapshotOf(mount.step);
  const root = mount.writable
    ? snapshots.driver.fork(snapshots.stackOf(snapshot), join(disk(), `fork-${index}`)).root
    : isSealed
      ? sealedView(snapshots.mountView(snapshot), join(dir, `sealed-${index}`))
      : snapshots.mountView(snapshot);
  const source = inTree(root, mount.path, 'a mount');
  return { type: 'bind', source, target: mount.target, readonly: mount.writable !== true };
}

/**
 * A stage with the right to mount can make a read-only mount writable, and would then write to the snapshot itself. An
 * overlay without an upper folder stays read-only whatever its mounts say; it needs two lower ones.
 */
function sealedView(view: string, dir: string): string {
  const [at, empty] = [join(dir, 'view'), join(dir, 'empty')];
  for (const folder of [dir, at, empty]) mkdirSync(folder);
  mountOverlay({ lowers: [view, empty], at });
  return at;
}

function openSecret({ place, dir, env }: Opening, mount: SecretMount, index: number): RunMount | undefined {
  const content = secretContent(place.provisions, mount);
  if (content === undefined) return undefined;
  if (mount.env !== undefined) env[mount.env] = content.toString();
  if (mount.target === undefined) return undefined;
  // In memory, and gone with this process's mounts.
  const folder = join(dir, `secret-${index}`);
  mkdirSync(folder, { mode: 0o700 });
  mountTmpfs(folder, 'mode=700,size=16m');
  const source = writeSecret(folder, 'content', content, mount);
  return { type: 'bind', source, target: mount.target, readonly: true };
}

async function openSsh({ place, disk, agents, env }: Opening, mount: SshMount, index: number) {
  const agent = await openAgent(place.provisions, mount, join(disk(), `ssh-${index}`));
  if (agent === undefined) return undefined;
  agents.push(agent);
  env['SSH_AUTH_SOCK'] ??= mount.target;
  return { type: 'bind' as const, source: agent.path, target: mount.target, readonly: false };
}
