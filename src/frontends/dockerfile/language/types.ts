/**
 * What a Dockerfile says, as typed data: stages of instructions, words not yet expanded. The planner walks these
 * types; `expandInstruction` gives the same types back with variables replaced.
 */
import type { SourceLocation } from '../../../kit/errors.ts';
import type { RunMount } from './mount-types.ts';

export type { BindMount, CacheMount, RunMount, SecretMount, SshMount, TmpfsMount } from './mount-types.ts';

/** Where an instruction stands. Lines and columns count from 1; `endLine` is the last line, heredocs included. */
export interface Location extends SourceLocation {
  line: number;
  column: number;
  endLine: number;
}

export type EscapeToken = '\\' | '`';

/** A whole Dockerfile. */
export interface Dockerfile {
  /** The file's name for messages: the path that was read, or `-`. */
  file: string;
  /** From `# escape=`; words are expanded with it. */
  escape: EscapeToken;
  /** From `# syntax=` and `# check=`, as written. */
  directives: Directives;
  /** Every ARG before the first FROM. */
  globalArgs: readonly ArgInstruction[];
  /** At least one. */
  stages: readonly Stage[];
  /** Instructions that are continued over an empty line (rule NoEmptyContinuation): their last lines. */
  emptyContinuations: readonly Location[];
}

export interface Directives {
  syntax?: Directive;
  check?: Directive;
  escape?: Directive;
}

export interface Directive {
  value: string;
  location: Location;
}

export interface Stage {
  /** Counts from 0; `COPY --from=0` names it so. */
  index: number;
  /** Lower case; undefined without `AS`. */
  name?: string;
  from: FromInstruction;
  instructions: readonly StageInstruction[];
}

/** What all instructions have. */
export interface InstructionBase {
  /** The keyword as written: `RUN`, `copy`. */
  keyword: string;
  /** The instruction with its continuations joined, comments and heredoc bodies left out, trimmed: for history. */
  text: string;
  location: Location;
  /** Comments since the last instruction, without `#` and the spaces around; an empty comment starts anew. */
  comments: readonly string[];
  /** Where parts of `text` stand in the file; read through `placeOf`. */
  pieces: readonly Piece[];
}

/** From `offset` of an instruction's text on, the text stands at this line and column. */
export interface Piece {
  offset: number;
  line: number;
  column: number;
}

export type Instruction = FromInstruction | StageInstruction;

export type StageInstruction =
  | AddInstruction
  | ArgInstruction
  | CmdInstruction
  | CopyInstruction
  | EntrypointInstruction
  | EnvInstruction
  | ExposeInstruction
  | HealthcheckInstruction
  | LabelInstruction
  | MaintainerInstruction
  | OnbuildInstruction
  | RunInstruction
  | ShellInstruction
  | StopsignalInstruction
  | UserInstruction
  | VolumeInstruction
  | WorkdirInstruction;

export interface FromInstruction extends InstructionBase {
  type: 'from';
  /** Image, stage, context or `scratch`; not expanded: global ARGs hold here. */
  base: string;
  /** Lower case. */
  name?: string;
  /** As written after AS. */
  writtenName?: string;
  /** The word `AS` as written. */
  asKeyword?: string;
  /** `--platform`, not expanded. */
  platform?: string;
  /** The comment `# NAME description` above. */
  description?: string;
}

export interface ArgInstruction extends InstructionBase {
  type: 'arg';
  args: readonly ArgDefinition[];
}

export interface ArgDefinition {
  name: string;
  /** Undefined: declared without a default. */
  value?: string;
  /** The comment `# NAME description` above. */
  description?: string;
}

export interface EnvInstruction extends InstructionBase {
  type: 'env';
  pairs: readonly KeyValue[];
}

export interface LabelInstruction extends InstructionBase {
  type: 'label';
  pairs: readonly KeyValue[];
}

export interface KeyValue {
  key: string;
  value: string;
  /** Written `KEY value`, without `=` (rule LegacyKeyValueFormat). */
  legacy: boolean;
}

/** A command line of RUN, CMD or ENTRYPOINT. */
export interface CommandLine {
  /** Exec form: the arguments. Shell form: one element with all of it, or none when nothing was given. */
  argv: readonly string[];
  /** Shell form: the stage's SHELL goes before it. */
  shell: boolean;
}

export interface Heredoc {
  /** The word after `<<`, unquoted. */
  name: string;
  /** Digits before `<<`; 0 without. */
  fileDescriptor: number;
  /** The word wasn't quoted: variables in the body hold. */
  expand: boolean;
  /** `<<-`: leading tabs are cut; `content` still has them (`chompHeredoc` cuts them). */
  chomp: boolean;
  /** Body with its line ends. */
  content: string;
  /** First line of the body in the file. */
  line: number;
}

export interface RunInstruction extends InstructionBase {
  type: 'run';
  command: CommandLine;
  /** Shell form with heredocs: their bodies, in order. */
  heredocs: readonly Heredoc[];
  /** `--mount` as written; parsed by `expandInstruction`, since variables may stand in them. */
  mountFlags: readonly string[];
  /** Stages, images or contexts that mounts name by `from=`, known without expansion. */
  mountSources: readonly string[];
  /** The mounts; empty until expanded. */
  mounts: readonly RunMount[];
  network: 'default' | 'none' | 'host';
  security: 'sandbox' | 'insecure';
}

/** What COPY and ADD have in common. */
export interface CopyBase extends InstructionBase {
  /** Paths, patterns and (ADD) URLs, in order; heredocs aside. */
  sources: readonly string[];
  /** Heredocs given as sources: files of these names. */
  files: readonly HeredocFile[];
  dest: string;
  /** `user[:group]`, names or numbers. */
  chown?: string;
  /** Octal or symbolic; `parseChmod` reads it once it's expanded. */
  chmod?: string;
  link: boolean;
  exclude: readonly string[];
}

export interface HeredocFile {
  name: string;
  content: string;
  expand: boolean;
}

export interface CopyInstruction extends CopyBase {
  type: 'copy';
  /** Stage name or index, image or context. Never expanded; a `$` in it is refused when parsed. */
  from?: string;
  parents: boolean;
}

export interface AddInstruction extends CopyBase {
  type: 'add';
  checksum?: string;
  /** Undefined: by what the source is. */
  keepGitDir?: boolean;
  /** Undefined: local archives yes, downloaded ones no. */
  unpack?: boolean;
}

export interface WorkdirInstruction extends InstructionBase {
  type: 'workdir';
  path: string;
}

export interface UserInstruction extends InstructionBase {
  type: 'user';
  user: string;
}

export interface CmdInstruction extends InstructionBase {
  type: 'cmd';
  command: CommandLine;
}

export interface EntrypointInstruction extends InstructionBase {
  type: 'entrypoint';
  command: CommandLine;
}

export interface ExposeInstruction extends InstructionBase {
  type: 'expose';
  /** Sorted words, not expanded; `expandInstruction` splits and expands them, `parsePorts` reads them. */
  ports: readonly string[];
}

export interface VolumeInstruction extends InstructionBase {
  type: 'volume';
  paths: readonly string[];
}

export interface ShellInstruction extends InstructionBase {
  type: 'shell';
  shell: readonly string[];
}

export interface StopsignalInstruction extends InstructionBase {
  type: 'stopsignal';
  signal: string;
}

export interface HealthcheckInstruction extends InstructionBase {
  type: 'healthcheck';
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', line]`. */
  test: readonly string[];
  /** Durations in nanoseconds, as image configurations hold them; undefined when not given or 0. */
  intervalNs?: number;
  timeoutNs?: number;
  startPeriodNs?: number;
  startIntervalNs?: number;
  retries?: number;
}

export interface OnbuildInstruction extends InstructionBase {
  type: 'onbuild';
  /** The instruction to run later, with heredoc bodies: what the image configuration holds. See `parseTrigger`. */
  trigger: string;
}

export interface MaintainerInstruction extends InstructionBase {
  type: 'maintainer';
  name: string;
}

/** A rule's finding. */
export interface CheckWarning {
  /** The rule's name: `StageNameCasing`. */
  rule: string;
  message: string;
  /** Page that explains the rule; undefined for rules that have none. */
  url?: string;
  location: Location;
}
