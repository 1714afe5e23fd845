/**
 * The Plan: what a build file means, as a directed acyclic graph of steps. Pure data that can be printed as
 * JSON; a frontend makes it before anything runs. This folder imports nothing.
 */

import type { StepId } from './ids.ts';
import type { Mount } from './mounts.ts';

export interface Plan {
  version: 1;
  /** Every step comes after those that it names. */
  steps: readonly Step[];
  /** The step whose snapshot is the image. */
  result: StepId;
  image: ImageSpec;
  /** The same for further platforms: what is made of the plan is then an index, with an image for each. */
  others?: readonly PlanResult[];
}

/** A step whose snapshot becomes an image. */
export interface PlanResult {
  result: StepId;
  image: ImageSpec;
}

export interface ImageSpec {
  /** The whole history, the oldest first, when the build file says it; what it started from is not part of it. */
  history?: readonly HistoryLine[];
  /** Folder of the result's snapshot that is the image's root: `/`, or `/chroot` for specs. */
  root: string;
  config: ImageConfig;
  platform: Platform;
  author?: string;
}

/** A line of an image's history. */
export interface HistoryLine {
  createdBy: string;
  /** Whose snapshot it tells of; without one the configuration alone was changed. */
  step?: StepId;
  comment?: string;
}

export interface Platform {
  os: string;
  architecture: string;
  variant?: string;
}

/** The `config` object of an OCI image configuration, in the same words (Go field names as OCI has them). */
export interface ImageConfig {
  User?: string;
  ExposedPorts?: Record<string, Record<string, never>>;
  Env?: string[];
  Entrypoint?: string[];
  Cmd?: string[];
  Volumes?: Record<string, Record<string, never>>;
  WorkingDir?: string;
  Labels?: Record<string, string>;
  StopSignal?: string;
  ArgsEscaped?: boolean;
  Shell?: string[];
  OnBuild?: string[];
  Healthcheck?: {
    Test?: string[];
    Interval?: number;
    Timeout?: number;
    StartPeriod?: number;
    StartInterval?: number;
    Retries?: number;
  };
}

export interface Step {
  id: StepId;
  /** What a person names: a stage of a spec or a Dockerfile. Several steps may share it. */
  stage: string;
  /** One line that tells a person what the step does. */
  title: string;
  /** The step whose snapshot this one forks; without it, an empty folder. */
  base?: StepId;
  op: Op;
  /** Where a person wrote it. */
  location?: PlanLocation;
  /** The script that its command runs, where that stands in the build file: so that an error can name a line of it. */
  script?: PlanScript;
  /** Carries inputs only (the folder of a stage); progress doesn't show it unless it fails. */
  internal?: boolean;
  /** What its command may use; what is left out, the build's own limits say. No part of a key: it changes no result. */
  compute?: Compute;
  /** Run even when its key is known (`--no-cache`). */
  noCache?: boolean;
  /** What a warm rebuild is told of it; no part of its key. */
  warm?: StepWarmth;
  /** Changes nothing of the filesystem but stands in the image's history (`ENV`, `CMD`). */
  history?: { createdBy: string; emptyLayer?: boolean };
}

export interface Compute {
  /** Cores, may be a fraction. */
  cpus?: number;
  memoryBytes?: number;
  /** Processes and threads; 0 for no limit. */
  pids?: number;
}

export interface PlanScript {
  text: string;
  /** Line of the build file on which it begins. */
  line: number;
  /** What its interpreter calls it in messages: the shell (of `sh -c`), the script's path, or `stdin`. */
  reader: string;
}

export interface StepWarmth {
  /**
   * `off`: it never starts from its own last result. `on`: it may, without trying that first. `safe`: it may too when
   * files of its base were removed or renamed.
   */
  mode?: 'off' | 'on' | 'safe';
  /** What runs on its own last result, in place of its own command. */
  argv?: readonly string[];
}

export interface PlanLocation {
  file: string;
  line?: number;
  endLine?: number;
}

export type Op = SourceOp | CopyOp | LinkOp | RunOp;

/** Brings in a root filesystem from elsewhere. */
export interface SourceOp {
  type: 'source';
  source: Source;
}

export type Source = LocalSource | RemoteSource;

export type LocalSource =
  /** An image of this store, or else of a registry. */
  | {
      type: 'image';
      reference: string;
      /** What was asked for; without it this machine's. */
      platform?: Platform;
      /** Ask the registry what the name stands for now. */
      pull?: boolean;
    }
  /** A folder in OCI image layout; `reference` is a tag or a digest. */
  | { type: 'oci-layout'; path: string; reference?: string; platform?: Platform }
  /** A tar of a root filesystem, plain, gzip or zstd. */
  | { type: 'tarball'; path: string }
  /** A host folder that becomes the root filesystem. */
  | { type: 'folder'; path: string };

/** What has to be fetched. */
export type RemoteSource =
  /** A file, alone in the root folder, by the name `file`; with `unpack`, the content of an archive. */
  | { type: 'http'; url: string; file: string; checksum?: string; unpack?: true }
  /** The files of a commit. */
  | {
      type: 'git';
      remote: string;
      /** Branch, tag or commit; without it what HEAD is there. */
      ref?: string;
      /** Folder of the repository that is the root. */
      subfolder?: string;
      /** Beginning of the commit's id that is expected. */
      checksum?: string;
      keepGitFolder?: boolean;
      submodules?: boolean;
    };

/** Copies files onto its base. */
export interface CopyOp {
  type: 'copy';
  copies: readonly Copy[];
  /**
   * `fixed`: all entries get one time, for inputs that a command sees. A key covers no times, so that a fresh clone is the
   * same input: a command must not see them either.
   */
  times?: 'fixed';
}

export interface Copy {
  from: CopySource;
  /** Paths inside the source, relative to its root; `.` is all of it. The content of a folder is copied. */
  paths: readonly string[];
  /** Absolute path in the image. With a trailing `/`, or with several paths: a folder to copy into. */
  dest: string;
  /**
   * Owner of all that is copied; default 0:0 for host folders, as it was for steps. `name`: `user[:group]`, names or
   * numbers, looked up in the image.
   */
  owner?: { uid: number; gid: number } | { name: string };
  /** Permission bits of all that is copied, instead of those of the source; or how they change, as chmod(1) has it. */
  mode?: number | string;
  /** The copy is as COPY and ADD have it: paths are patterns, links to sources are followed. */
  select?: Selection;
}

/** What COPY and ADD say beyond paths. */
export interface Selection {
  /** Patterns, in the syntax of .dockerignore, of what is left out below each path. */
  exclude?: readonly string[];
  /** Keep the folders on the way: those after `/./` where a path has it. */
  parents?: boolean;
  /** Unpack files that are archives. */
  unpack?: boolean;
}

export type CopySource =
  /** A folder of the host, less what the patterns (in the syntax of .dockerignore) leave out. */
  | {
      type: 'folder';
      path: string;
      ignore?: readonly string[] /** As a root filesystem: with the owners it has there. */;
      keepOwners?: boolean;
    }
  /** The snapshot of another step. */
  | { type: 'step'; step: StepId }
  /** Files given in the plan itself; `data` is UTF-8 text. */
  | { type: 'inline'; files: readonly InlineFile[] };

export interface InlineFile {
  path: string;
  data: string;
  mode: number;
}

/**
 * Lays the files of another step, which has no base, over its own base: folders are put together, all else takes the place
 * of what is there, links too. No file is read or copied for it where snapshots are stacks.
 */
export interface LinkOp {
  type: 'link';
  step: StepId;
}

/** Runs a command. */
export interface RunOp {
  type: 'run';
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** `''` for root, else `user[:group]`, names or numbers, looked up inside the image. */
  user: string;
  root: RunRoot;
  mounts: readonly Mount[];
  network: Network;
  /** `default`: as Docker confines a container. `builder`: for stages that manage a chroot (mounts, mknod). */
  security: 'default' | 'builder';
  noNewPrivileges?: boolean;
  timeoutMs?: number;
  hostname?: string;
  /** Lines of /etc/hosts beyond the usual ones; the address may be `host-gateway`. */
  hosts?: readonly { name: string; address: string }[];
  ulimits?: readonly { name: string; soft: number; hard: number }[];
  /** Size of /dev/shm. */
  shmBytes?: number;
  /** Variables that the command sees but that are no part of its key: proxies. */
  hiddenEnv?: Readonly<Record<string, string>>;
  /** What the command is for, when that isn't this machine. */
  platform?: Platform;
  /** Make the working folder when it isn't there. */
  makesCwd?: boolean;
  /** Things outside the plan that decide the result, as `name → digest`; enters the key. */
  identity?: Readonly<Record<string, string>>;
}

export type Network = 'host' | 'none' | 'nat';

export type RunRoot =
  /** The command's root folder is this folder of the forked snapshot. */
  | { type: 'snapshot'; path: string }
  /**
   * The command's root folder is a throw-away fork of the builder (the host's programs, or another step's
   * snapshot at its folder `root`), and the forked snapshot is mounted at `work`.
   */
  | { type: 'builder'; builder: 'host' | { step: StepId; root: string }; work: string };
