/**
 * The one stream of events that describes a build. Terminal, plain text, JSON, log files and the dashboard
 * are its readers; nothing else comes out of a build. Times are milliseconds since the Unix epoch (`at`) or
 * durations (`…Ms`). With `--progress json` each event is one line.
 */
import type { SnapshotId, StepId, StepKey } from './ids.ts';
import type { PlanLocation } from './types.ts';

export type BuildEvent =
  | BuildStarted
  | StepPlanned
  | StepStarted
  | StepWaiting
  | StepOutput
  | StepDone
  | StepReused
  | StepFailed
  | StepCancelled
  | OutputStarted
  | OutputProgress
  | OutputDone
  | Warning
  | Compared
  | Watching
  | Edited
  | Rebuilt
  | ServiceState
  | ServiceOutput
  | HookDone
  | BuildDone;

export type EventSink = (event: BuildEvent) => void;

/** A build began; `steps` of them are in the plan (internal ones left out). */
export interface BuildStarted {
  type: 'build-started';
  at: number;
  buildId: string;
  steps: number;
}

/** One for each step, in plan order, before any runs. */
export interface StepPlanned {
  type: 'step-planned';
  at: number;
  step: StepId;
  stage: string;
  title: string;
  internal: boolean;
}

/** A step's work began, because of `reason`. */
export interface StepStarted {
  type: 'step-started';
  at: number;
  step: StepId;
  key: StepKey;
  /** Why it runs, in words: `apply.sh changed`, `first build`. */
  reason: string;
}

/** Another process runs the same step, or a resource isn't free: this one waits. */
export interface StepWaiting {
  type: 'step-waiting';
  at: number;
  step: StepId;
  reason: string;
}

/** A piece of a step's output, as it came: not split at lines. */
export interface StepOutput {
  type: 'step-output';
  at: number;
  step: StepId;
  stream: 'stdout' | 'stderr';
  text: string;
}

/** A step ran to its end and its snapshot is filed. */
export interface StepDone {
  type: 'step-done';
  at: number;
  step: StepId;
  key: StepKey;
  snapshot: SnapshotId;
  durationMs: number;
  /** Of a command. */
  usage?: StepUsage;
}

/** What the command of a step used, as far as the kernel told. */
export interface StepUsage {
  /** From its start to its end. */
  wallMs: number;
  /** Of all cores together. */
  cpuMs?: number;
  /** Most memory at once, with the cache of files that it read and wrote. */
  peakMemoryBytes?: number;
  /** From and to disks; on cgroups of version 1 without what the kernel writes later on its own. */
  readBytes?: number;
  writtenBytes?: number;
}

/** A step's key was known; `savedMs` is what it took when it ran. */
export interface StepReused {
  type: 'step-reused';
  at: number;
  step: StepId;
  key: StepKey;
  snapshot: SnapshotId;
  savedMs: number;
}

/** A step's command failed. */
export interface StepFailed {
  type: 'step-failed';
  at: number;
  step: StepId;
  failure: StepFailure;
  /** Of a command. */
  usage?: StepUsage;
}

/** A step wasn't run to its end: one that it needs failed, or a person stopped the build. */
export interface StepCancelled {
  type: 'step-cancelled';
  at: number;
  step: StepId;
  reason: string;
}

/** Why a step failed, with all facts that a message needs. */
export interface StepFailure {
  reason: 'exit' | 'signal' | 'out-of-memory' | 'timeout' | 'not-found' | 'error';
  exitCode?: number;
  signal?: string;
  /** Set for `out-of-memory`. */
  memory?: { limitBytes: number; peakBytes: number };
  timeoutMs?: number;
  /** One sentence. */
  message: string;
  hint?: string;
  /** Last lines of output. */
  tail: readonly string[];
  location?: PlanLocation;
  /** Whether the workspace was kept for `cambium shell --failed`. */
  workspaceKept: boolean;
}

export interface OutputStarted {
  type: 'output-started';
  at: number;
  output: string;
}

export interface OutputProgress {
  type: 'output-progress';
  at: number;
  output: string;
  message: string;
}

export interface OutputDone {
  type: 'output-done';
  at: number;
  output: string;
  dest: string;
  bytes: number;
  durationMs: number;
}

/** A warm image was held against a clean build of the same inputs, by `verify`. */
export interface Compared {
  type: 'compared';
  at: number;
  /** Steps whose warm result isn't what a clean build gives, with the paths where they differ. */
  drifts: readonly StepDifference[];
  /** Steps of which two clean builds differ as well. */
  unsteady: readonly StepDifference[];
}

export interface StepDifference {
  step: StepId;
  paths: readonly string[];
}

export interface Warning {
  type: 'warning';
  at: number;
  code: string;
  message: string;
  location?: PlanLocation;
}

export interface BuildDone {
  type: 'build-done';
  at: number;
  outcome: 'done' | 'failed' | 'interrupted';
  ran: number;
  reused: number;
  savedMs: number;
  durationMs: number;
  /** Digest of the OCI manifest, where an output or a flag asked for it. */
  digest?: string;
  tags: readonly string[];
  /** Of an image: whether it is what a clean build gives, or a part of it comes from a warm rebuild. */
  state?: 'verified' | 'warm';
}

/** `dev` watches what the build depends on. */
export interface Watching {
  type: 'watching';
  at: number;
  /** `polling`: the system has no more watches to give, so that all is looked at again and again. */
  mode: 'events' | 'polling';
  folders: number;
}

/** Files changed, and `dev` builds because of them. */
export interface Edited {
  type: 'edited';
  at: number;
  /** Absolute, twenty at most. */
  paths: readonly string[];
  /** How many there are. */
  count: number;
}

/** A build of `dev` ended well. */
export interface Rebuilt {
  type: 'rebuilt';
  at: number;
  image: string;
  /** Whether it is another image than before. */
  isNew: boolean;
  state: 'verified' | 'warm';
  phases: RebuildPhases;
  /** Of the files in the layers that it added to those that were there. */
  newBytes?: number;
}

/** Where the time of a build went. */
export interface RebuildPhases {
  /** The build file was read. */
  planMs: number;
  /** Inputs were looked at, and what must run was found out. */
  keysMs: number;
  stepsMs: number;
  /** The image was filed, and its outputs written. */
  imageMs: number;
}

/** What became of the command that `dev` runs on the image. */
export interface ServiceState {
  type: 'service';
  at: number;
  /**
   * `starting`: on a new image; `healthy`: it took the place of the one before; `kept`: it isn't healthy, and the one
   * before goes on; `ended`: it came to its end by itself.
   */
  state: 'starting' | 'healthy' | 'kept' | 'ended';
  image: string;
  message?: string;
}

/** A piece of its output, as it came: not split at lines. */
export interface ServiceOutput {
  type: 'service-output';
  at: number;
  stream: 'stdout' | 'stderr';
  text: string;
}

/** The command of `--exec` ended. */
export interface HookDone {
  type: 'hook-done';
  at: number;
  command: string;
  exitCode: number;
  durationMs: number;
}
