/** What a frontend is asked, and what it may ask of its caller: no frontend runs anything by itself. */
import type { ImageConfig, Plan, PlanLocation, Platform, Source } from '../plan/index.ts';
import type { DockerfileOptions } from './dockerfile/request.ts';

/** Reads a file of a built plan's snapshot, by its path from the snapshot's root; undefined where there is none. */
export type SnapshotFiles = (path: string) => Buffer | undefined;

/** What a build takes over from the image that it starts from. */
export interface BaseImage {
  config: ImageConfig;
  platform: Platform;
  author?: string;
}

export interface PlanRequest {
  /** The build file: absolute; `-` for a Dockerfile that came on standard input. */
  path: string;
  /** `--settings`: absolute. */
  settingsFile?: string;
  /** `--set K=V`; wins over the settings file. */
  set: Readonly<Record<string, string>>;
  /** `--target`: the last stage to build. */
  target?: string;
  /** Builds a plan (at no cost when nothing changed) and gives access to the files of its result. */
  evaluate: (plan: Plan) => Promise<SnapshotFiles>;
  /** What of the host a stage can see when the host's programs are its builder: `name → digest`. */
  hostIdentity: () => Readonly<Record<string, string>>;
  /** Run every step, whether its key is known or not. */
  noCache?: boolean;
  /** Run the steps of these stages, whether their keys are known or not. */
  noCacheFilter?: readonly string[];
  /** The configuration of an image that a build starts from; undefined for sources that have none. */
  resolveImage?: (source: Source) => Promise<BaseImage | undefined>;
  /** What a Dockerfile is built with; without it, `path` is a spec or a program. */
  dockerfile?: DockerfileOptions;
  /** Told of what is doubtful in a build file. */
  onWarning?: (warning: { code: string; message: string; location: PlanLocation }) => void;
  /** Folder for compiled TypeScript build files; without it they are compiled each time. */
  cacheDir?: string;
}
