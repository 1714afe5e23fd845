/** The words of the benchmarks: a case is done by several contenders in turn, round by round. */

/** A program to run and wait for. Several in a row count as one. */
export interface Command {
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
}

/** What is measured: commands that are run in turn, or an act of the benchmark's own that waits for another process. */
export type Work =
  | { commands(round: number): readonly Command[] }
  | {
      act(round: number): void;
      /** CPU time so far of who does the work, in milliseconds. */
      cpuMs(): number;
    };

/** A tool beside Cambium that builds Dockerfiles; images stay in a store of its own. */
export interface Builder {
  name: string;
  /** Builds DIR/Dockerfile, and calls the image `tag`. */
  build(tag: string, dir: string): Command;
  /** Empties its cache of steps, and takes away the image `tag`: the next build of it is a cold one. */
  forget(tag: string): readonly Command[];
}

/** One tool in one case. */
export type Contender = Work & {
  name: string;
  /** It takes so long each time that it is measured this often at most, and without a first time that doesn't count. */
  rounds?: number;
  /** Not measured: brings the tool into the state that the case is about. */
  before?(round: number): void | Promise<void>;
  /** Not measured: checks the result, and throws if it is wrong. */
  check?(round: number): void | Promise<void>;
  /** What else is kept of the sample. */
  note?(): Partial<Sample>;
};

/** What Cambium is to reach in a case. */
export type Goal =
  | { type: 'time'; underMs: number }
  /** At most `factor` of the median of the contender `of`. */
  | { type: 'ratio'; of: string; factor: number; who?: string }
  | { type: 'memory'; underMiB: number }
  /** Beyond the time of the case's baseline. */
  | { type: 'overhead'; underMs: number; who?: string }
  /** At most `factor` of the overhead of the contender `of`. */
  | { type: 'overhead-ratio'; of: string; factor: number; who?: string }
  /** The last `count` samples take at most `factor` of the time of the first ones, and of the bytes. */
  | { type: 'flat'; count: number; factor: number }
  /** Over those of the first build. */
  | { type: 'layers'; most: number };

export interface Case {
  id: string;
  title: string;
  rounds?: number;
  /** Without: a round that isn't counted comes first. */
  isCold?: true;
  /** The time is divided by this: the steps in it. */
  per?: number;
  /** Of Cambium, or of the contender `who`. */
  goals: readonly Goal[];
  /** Of this contender, others tell how much longer they take. */
  baseline?: string;
  /** The rounds belong to the case: nobody may ask for fewer. */
  isSeries?: true;
  /** Measures peak memory too. */
  memory?: boolean;
  /** Not measured: an edit that all contenders see. */
  edit?(round: number): void;
  contenders: readonly Contender[];
}

export interface Sample {
  wallMs: number;
  cpuMs: number;
  peakMiB?: number;
  /** Of the image that it made: layers over those of the first build, and the size on disk of the topmost one. */
  layers?: number;
  layerBytes?: number;
}

export interface Row {
  name: string;
  samples: Sample[];
  error?: string;
}

export interface CaseResult {
  id: string;
  title: string;
  per: number;
  rows: Row[];
  goals: readonly Goal[];
  baseline?: string;
}
