/** Stages as a spec or a TypeScript build file describes them, before they become steps. */
import type { Compute, Copy, PlanLocation, RunOp, Source, VolumeMount } from '../../plan/index.ts';
import type { Warmth } from '../warmth.ts';
import type { StageFolder } from './folder.ts';

/** Something that a plan's image is made by, one after the other. */
export type StageStep = FolderStage | CommandStage | CopyStage;

interface StageFacts {
  name: string;
  location: PlanLocation;
}

export interface FolderStage extends StageFacts {
  type: 'folder';
  folder: StageFolder;
  /** Paths of the tree that it sees, besides its folder and lib/. */
  inputs: readonly string[];
  /** Its assets/settings.bash, when it has one. */
  settings: string | undefined;
  env: Readonly<Record<string, string>>;
  volumes: readonly VolumeMount[];
  compute?: Compute;
  warm?: Warmth;
  /** Its folder is taken from the configure step, because config.sh made files in it. */
  fromConfigure: boolean;
}

/** Runs in the image itself. */
export interface CommandStage extends StageFacts {
  type: 'command';
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  user: string;
  network: RunOp['network'];
  volumes: readonly VolumeMount[];
  compute?: Compute;
  warm?: Warmth;
}

export interface CopyStage extends StageFacts {
  type: 'copy';
  /** `dest` is a path in the image. */
  copy: Copy;
  from: string;
}

export interface StagesRequest {
  tree: string;
  stages: readonly StageStep[];
  base: { source: Source; location: PlanLocation } | undefined;
  builder: { source: Source; location: PlanLocation } | undefined;
  /** Text of the effective settings, for stages that see the file. */
  globalSettings: string;
  hostIdentity: () => Readonly<Record<string, string>>;
  noCache: (stage: string) => boolean;
}
