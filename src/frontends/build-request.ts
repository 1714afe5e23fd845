/** What is asked of a build, and what it tells in the end. */
import type { BuildTotals, Unfinished } from '../build/index.ts';
import type { ImageState, OutputRequest } from '../images/index.ts';
import type { Digest } from '../kit/digest.ts';
import type { EventSink, Network, Plan } from '../plan/index.ts';
import type { Store } from '../store/store.ts';
import type { Limits, Provisions } from '../workers/local/index.ts';
import type { DockerfileOptions } from './dockerfile/request.ts';
import type { WorkerStock } from './worker-stock.ts';

/** What a build file and its settings are. */
export interface ProjectRequest {
  store: Store;
  /** The build file, absolute. */
  path: string;
  settingsFile?: string;
  set: Readonly<Record<string, string>>;
  target?: string;
  noCache?: boolean;
  noCacheFilter?: readonly string[];
  network?: Network;
  /** What a Dockerfile is built with. */
  dockerfile?: DockerfileOptions;
  /** Secrets and agents: never part of the plan. */
  provisions?: Provisions;
}

export interface BuildRequest extends ProjectRequest {
  tags: readonly string[];
  labels: Readonly<Record<string, string>>;
  outputs: readonly OutputRequest[];
  limits: Limits;
  /** Of a rebuild: steps run in containers that stay, among the processes that they left there. */
  live?: boolean;
  /** Steps at work at once. */
  jobs: number;
  /** The image's digest is asked for, though no output needs it. */
  needDigest: boolean;
  /** An image that no clean build has confirmed may be sent to registries too. */
  allowWarm?: boolean;
  /** Seconds since the epoch: no time in a layer is later. */
  sourceDateEpoch?: number;
  timeoutMs?: number;
  signal: AbortSignal;
  onEvent: EventSink;
  /**
   * No command is run and no image is made before this; a build that is stopped before it was none. All that stands before a command is
   * made ready meanwhile.
   */
  ready?: Promise<void>;
  /** Where workers come from; without it, each build has one of its own. */
  workers?: WorkerStock;
  /** Called with what the build file means, before any of it is built. */
  onPlan?: (plan: Plan) => void;
}

export type BuildResult =
  | ({ outcome: 'done'; imageId: string; digest?: Digest; state: ImageState } & BuildTotals)
  | Unfinished;
