/** What one isolated run is, apart from the runtime that does it. */
import type { Network } from '../../../plan/index.ts';

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
  mounts: readonly RunMount[];
  network: Network;
  security: 'default' | 'builder';
  noNewPrivileges: boolean;
  hostname: string;
  /** Lines of /etc/hosts beyond the usual ones. */
  hosts?: readonly { name: string; address: string }[];
  ulimits?: readonly { name: string; soft: number; hard: number }[];
  /** Size of /dev/shm; default 64 MiB. */
  shmBytes?: number;
  limits: Limits;
  timeoutMs?: number;
  /** `pipe`: output goes to `onOutput`, input is empty. `inherit`: this process's own terminal, for shells. */
  stdio: 'pipe' | 'inherit';
  signal?: AbortSignal;
  onOutput?: (stream: 'stdout' | 'stderr', text: string) => void;
}

export type RunMount =
  | { type: 'bind'; source: string; target: string; readonly: boolean }
  | { type: 'tmpfs'; target: string; sizeBytes?: number };

export interface Limits {
  /** Cores, may be a fraction. */
  cpus?: number;
  memoryBytes?: number;
  /** Processes and threads. */
  pids?: number;
}

export type RunResult = RunOutcome & { usage: RunUsage };

export type RunOutcome =
  | { outcome: 'exit'; exitCode: number }
  | { outcome: 'signal'; signal: string }
  | { outcome: 'out-of-memory'; limitBytes: number; peakBytes: number }
  | { outcome: 'timeout'; timeoutMs: number }
  | { outcome: 'cancelled' }
  /** The program, its interpreter or the working folder isn't there: what a shell tells as 126 and 127. */
  | { outcome: 'not-found'; message: string };

/** What the run used, as far as its cgroup told. */
export interface RunUsage {
  wallMs: number;
  cpuMs?: number;
  peakMemoryBytes?: number;
}
