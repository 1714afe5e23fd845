/** What a command sees beside its root folder. */
import type { StepId } from './ids.ts';

export type Mount = StepMount | TmpfsMount | CacheMount | VolumeMount | SecretMount | SshMount;

/** A folder or file of another step's snapshot: read-only, or with writes that are thrown away. */
export interface StepMount {
  type: 'step';
  step: StepId;
  path: string;
  target: string;
  writable?: boolean;
}

export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  sizeBytes?: number;
}

/** A folder that outlives the step, of the store's volumes. */
export interface CacheMount {
  type: 'cache';
  id: string;
  target: string;
  /**
   * `private`: each run has one of its own. `locked`: runs wait for each other. `fork`: each run works on a copy-on-write fork,
   * which becomes the cache's state when the run succeeds.
   */
  sharing: 'shared' | 'private' | 'locked' | 'fork';
  readOnly: boolean;
  /** What it starts from. */
  from?: { step: StepId; path: string };
  /** Of its folder, when it starts empty. */
  owner: { uid: number; gid: number };
  mode: number;
}

/** A volume of the store, by its name: in place, shared with all who use it. Made when it isn't there. */
export interface VolumeMount {
  type: 'volume';
  name: string;
  target: string;
  readOnly: boolean;
}

/** Content that the caller of the build holds; the plan knows only its name. */
export interface SecretMount {
  type: 'secret';
  id: string;
  /** File that has it; absent: only the variable. */
  target?: string;
  /** Variable that has it. */
  env?: string;
  /** Without it the command runs with nothing there. */
  required: boolean;
  owner: { uid: number; gid: number };
  mode: number;
}

/** The socket of an SSH agent; SSH_AUTH_SOCK names the first. */
export interface SshMount {
  type: 'ssh';
  id: string;
  target: string;
  required: boolean;
  owner: { uid: number; gid: number };
  mode: number;
}
