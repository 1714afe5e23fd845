/** The words of the benchmarks: a case is done by several contenders in turn, round by round. */

/** A program to run and wait for. Several in a row count as one. */
export interface Command {
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  cwd?: string;
}

/** One tool in one case. */
export interface Contender {
  name: string;
  /** Not measured: brings the tool into the state that the case is about. */
  before?(round: number): void;
  /** What is measured. */
  commands(round: number): readonly Command[];
  /** Not measured: checks the result, and throws if it is wrong. */
  check?(round: number): void;
}

/** What Cambium is to reach in a case. */
export type Goal =
  | { type: 'time'; underMs: number }
  /** At most `factor` of the median of the contender `of`. */
  | { type: 'ratio'; of: string; factor: number }
  | { type: 'memory'; underMiB: number };

export interface Case {
  id: string;
  title: string;
  rounds?: number;
  /** Without: a round that isn't counted comes first. */
  isCold?: true;
  /** The time is divided by this: the steps in it. */
  per?: number;
  /** Of which contender the goals are told. */
  goals: readonly Goal[];
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
}
