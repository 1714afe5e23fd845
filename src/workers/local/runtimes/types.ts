/** What one isolated run is, apart from the runtime that does it. */
import type { Signal } from '../../../kit/signal-names.ts';
import type { Compute, Network, StepUsage } from '../../../plan/index.ts';
import type { Starters } from './starters.ts';

export interface RunRequest {
  /** Unique on this machine: names the container and its cgroup (`[a-z0-9-]+`). */
  id: string;
  /** An existing empty host folder for the run's own files (bundle, runtime state); the caller removes it. */
  dir: string;
  /** Host path of the mounted filesystem that becomes `/`. */
  rootfs: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** `''` for root, else `user[:group]`, names or numbers, looked up in the rootfs (never outside of it). */
  user: string;
  /** Further groups, names or numbers of the rootfs. */
  groups?: readonly string[];
  mounts: readonly RunMount[];
  network: Network;
  security: 'default' | 'builder';
  /** Instead of the usual ones; for the security `default` alone. */
  capabilities?: readonly string[];
  noNewPrivileges: boolean;
  hostname: string;
  /** Lines of /etc/hosts beyond the usual ones; the address `host-gateway` is that at which the run reaches the host. */
  hosts?: readonly { name: string; address: string }[];
  /** For /etc/resolv.conf: each list that isn't empty stands instead of what the network has. */
  dns?: DnsWishes;
  ulimits?: readonly { name: string; soft: number; hard: number }[];
  /** Size of /dev/shm; default 64 MiB. */
  shmBytes?: number;
  /** Nothing can be written but to mounts. */
  readonlyRoot?: boolean;
  /** The command runs below an init, which reaps orphans and passes signals on, where the machine has one. */
  init?: boolean;
  /** For the network `nat`: connections to the host that go to the run. */
  ports?: readonly PortForward[];
  limits: Limits;
  timeoutMs?: number;
  /** `pipe`: output goes to `onOutput`, input is empty. */
  stdio: 'pipe' | OwnStreams;
  /** Of the process, for folders above `dir`. */
  starters?: Starters;
  /** Another run will come: a starter is prepared for it. */
  isFollowed?: boolean;
  signal?: AbortSignal;
  /** The command waits for this, with all made ready for it. */
  ready?: Promise<void> | undefined;
  /** Called once, when signals can be sent to the command. */
  onLaunch?: (send: (signal: Signal) => void, inside: Inside) => void;
  onOutput?: (stream: 'stdout' | 'stderr', text: string) => void;
}

export interface DnsWishes {
  /** IP addresses. */
  servers: readonly string[];
  /** Domains; `.` alone for none. */
  search: readonly string[];
  options: readonly string[];
}

/** What can be asked of a run while it lasts. */
export interface Inside {
  /** TCP ports on which its network takes connections; empty when the command hasn't begun. */
  listening(): ReadonlySet<number>;
  /** Runs a command beside that of the run, as the same user; resolves to its exit code, and ends it when aborted. */
  exec(argv: readonly string[], signal: AbortSignal): Promise<number>;
}

/** The run has this process's own streams; with `terminal` it has a terminal of its own, shown on this process's. */
export interface OwnStreams {
  /** Standard input is ours; else it is empty. */
  input: boolean;
  terminal: boolean;
}

export interface PortForward {
  protocol: 'tcp' | 'udp';
  /** IPv4 address of the host; `0.0.0.0` for all. */
  hostAddress: string;
  hostPort: number;
  port: number;
}

export type RunMount =
  | { type: 'bind'; source: string; target: string; readonly: boolean }
  /** `options`: as mount(8) takes them, beyond those every tmpfs here has. */
  | { type: 'tmpfs'; target: string; sizeBytes?: number; options?: readonly string[] };

/** Processes and threads of a run that says nothing of them. */
export const defaultPids = 4096;

/** Without `pids` it's `defaultPids`. */
export type Limits = Compute;

export type RunResult = RunOutcome & { usage: RunUsage };

export type RunOutcome =
  | { outcome: 'exit'; exitCode: number }
  | { outcome: 'signal'; signal: string }
  | { outcome: 'out-of-memory'; limitBytes: number; peakBytes: number }
  | { outcome: 'timeout'; timeoutMs: number }
  | { outcome: 'cancelled' }
  /** The program, its interpreter or the working folder isn't there; what a shell exits with then. */
  | { outcome: 'not-found'; message: string; exitCode: 126 | 127 };

/** What the run used, as far as its cgroup told. */
export interface RunUsage extends StepUsage {
  /** How often a process or thread could not be made, for the limit of them was reached. */
  refusedPids?: number;
}
