/** A run seen from within while it lasts: the ports it listens on, and commands beside its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { newId } from '../../../store/runs.ts';
import { childrenOf } from './children.ts';
import { findProgram } from './programs.ts';
import type { Inside } from './types.ts';

/** As shells have it for a program that isn't there. */
const notFound = 127;

export interface RunFacts {
  runtime: string;
  bundle: string;
  id: string;
  /** The runtime makes no cgroups. */
  ownCgroups: boolean;
}

/** `runtimes` gives the runtime's own process, once there is one. */
export function insideOf(
  { runtime, bundle, id, ownCgroups }: RunFacts,
  runtimes: () => readonly number[],
): Inside {
  return {
    listening() {
      const [first] = runtimes().flatMap(childrenOf);
      return first === undefined ? new Set() : listeningPorts(first);
    },
    async exec(argv, signal) {
      const [pid] = runtimes();
      if (pid === undefined || signal.aborted) return notFound;
      const process_ = `${bundle}/exec-${newId()}.json`;
      writeFileSync(process_, JSON.stringify({ ...processOf(bundle), args: argv, terminal: false }), {
        mode: 0o600,
      });
      // The runtime knows the container's processes by their numbers in its own namespace.
      const child = spawn(
        findProgram('nsenter') ?? 'nsenter',
        [
          ...['--target', String(pid), '--pid', '--mount', '--', runtime],
          ...(ownCgroups ? ['--cgroup-manager=disabled'] : []),
          ...['--root', `${bundle}/state`, 'exec', '--process', process_, id],
        ],
        {
          stdio: 'ignore',
          env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
          detached: true,
          signal,
          killSignal: 'SIGKILL',
        },
      );
      try {
        const [code] = (await once(child, 'close')) as [number | null];
        return code ?? notFound;
      } catch {
        return notFound;
      } finally {
        rmSync(process_, { force: true });
      }
    },
  };
}

/** What the run's own command is, and may do. */
function processOf(bundle: string): object {
  return (JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8')) as { process: object }).process;
}

/** State of a listening socket in /proc/net/tcp, as in the kernel's tcp_states.h. */
const listenState = '0A';

/** Ports of the network that a process is in. */
function listeningPorts(pid: number): Set<number> {
  const ports = new Set<number>();
  for (const table of ['tcp', 'tcp6']) {
    for (const line of readTable(`/proc/${pid}/net/${table}`).split('\n').slice(1)) {
      const [, local, , state] = line.trim().split(/\s+/);
      if (state === listenState && local !== undefined)
        ports.add(Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16));
    }
  }
  return ports;
}

function readTable(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
