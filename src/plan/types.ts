/**
 * The Plan: what a build file means, as a directed acyclic graph of steps. Pure data that can be printed as
 * JSON; a frontend makes it before anything runs. This folder imports nothing.
 */

declare const stepIdBrand: unique symbol;
declare const stepKeyBrand: unique symbol;
declare const snapshotIdBrand: unique symbol;

/** Names a step inside one plan. */
export type StepId = string & { readonly [stepIdBrand]: true };
/** SHA-256 (64 hex digits) over all that decides a step's result. */
export type StepKey = string & { readonly [stepKeyBrand]: true };
/** Names a snapshot inside one store; short, random, never reused. */
export type SnapshotId = string & { readonly [snapshotIdBrand]: true };

export interface Plan {
  version: 1;
  /** Every step comes after those that it names. */
  steps: readonly Step[];
  /** The step whose snapshot is the image. */
  result: StepId;
  image: ImageSpec;
}

export interface ImageSpec {
  /** Folder of the result's snapshot that is the image's root: `/`, or `/chroot` for specs. */
  root: string;
  config: ImageConfig;
  platform: Platform;
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
  /** Carries inputs only (the folder of a stage); progress doesn't show it unless it fails. */
  internal?: boolean;
  /** Run even when its key is known (`--no-cache`). */
  noCache?: boolean;
  /** Changes nothing of the filesystem but stands in the image's history (`ENV`, `CMD`). */
  history?: { createdBy: string; emptyLayer?: boolean };
}

export interface PlanLocation {
  file: string;
  line?: number;
  endLine?: number;
}

export type Op = SourceOp | CopyOp | RunOp;

/** Brings in a root filesystem from elsewhere. */
export interface SourceOp {
  type: 'source';
  source: Source;
}

export type Source =
  /** An image of this store. */
  | { type: 'image'; reference: string }
  /** A folder in OCI image layout; `reference` is a tag or a digest. */
  | { type: 'oci-layout'; path: string; reference?: string }
  /** A tar of a root filesystem, plain, gzip or zstd. */
  | { type: 'tarball'; path: string }
  /** A host folder that becomes the root filesystem. */
  | { type: 'folder'; path: string };

/** Copies files onto its base. */
export interface CopyOp {
  type: 'copy';
  copies: readonly Copy[];
}

export interface Copy {
  from: CopySource;
  /** Paths inside the source, relative to its root; `.` is all of it. The content of a folder is copied. */
  paths: readonly string[];
  /** Absolute path in the image. With a trailing `/`, or with several paths: a folder to copy into. */
  dest: string;
  /** Owner of all that is copied; default 0:0 for host folders, as it was for steps. */
  owner?: { uid: number; gid: number };
  /** Permission bits of all that is copied, instead of those of the source. */
  mode?: number;
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

export type Mount =
  /** A folder of another step's snapshot, read-only. */
  | { type: 'step'; step: StepId; path: string; target: string }
  | { type: 'tmpfs'; target: string; sizeBytes?: number };
