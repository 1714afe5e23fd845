/**
 * Mounts of a RUN as they are written, with their defaults: stages by name, targets relative to WORKDIR. What they are in a plan,
 * where steps stand for names, is in src/plan/mounts.ts.
 */

export interface BindMount {
  type: 'bind';
  /** Stage, image or context; without it, the build's context. */
  from?: string;
  /** Path in it; `''` for all of it. */
  source: string;
  /** Not made absolute: relative to WORKDIR. */
  target: string;
  readOnly: boolean;
}

export interface CacheMount {
  type: 'cache';
  /** From `id=`, else the target as written, cleaned. */
  id: string;
  target: string;
  readOnly: boolean;
  /** `fork` is Cambium's own. */
  sharing: 'shared' | 'private' | 'locked' | 'fork';
  /** What an empty cache starts from. */
  from?: string;
  source: string;
  uid?: number;
  gid?: number;
  mode?: number;
}

export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  sizeBytes?: number;
  readOnly: boolean;
}

export interface SecretMount {
  type: 'secret';
  /** From `id=`, else `source=`, else the last name of the target. */
  id: string;
  /** Default `/run/secrets/ID`, unless only `env` is given: then undefined, and no file is mounted. */
  target?: string;
  /** Variable that gets the content. */
  env?: string;
  required: boolean;
  /** Default 0, 0, 0o400. */
  uid: number;
  gid: number;
  mode: number;
}

export interface SshMount {
  type: 'ssh';
  /** Default `default`. */
  id: string;
  /** Default `/run/buildkit/ssh_agent.N`, N the mount's index: undefined here. */
  target?: string;
  required: boolean;
  /** Default 0, 0, 0o600. */
  uid: number;
  gid: number;
  mode: number;
}

export type RunMount = BindMount | CacheMount | TmpfsMount | SecretMount | SshMount;
