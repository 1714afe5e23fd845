/** What the driver found: its records (their format stands in driver.bash) as values. */
import type { SourceLocation } from '../../kit/errors.ts';

export interface Instruction {
  word: 'image' | 'base' | 'builder' | 'extra_input' | 'compute' | 'warm';
  args: string[];
  location: SourceLocation;
}

export interface StageCall {
  args: string[];
  location: SourceLocation;
  /** Variables that the spec had exported when it called the stage. */
  exported: Record<string, string>;
  /** How many of `instructions` came before. */
  after: number;
}

export interface Evaluation {
  stages: StageCall[];
  instructions: Instruction[];
  /** Stages whose config.sh made files besides the settings. */
  changed: Set<string>;
  failedConfigs: { stage: string; status: number; output: string; location: SourceLocation }[];
  syntaxErrors: { text: string; location: SourceLocation }[];
  /** How the evaluation of the spec itself ended, and its standard error. */
  status: number;
  stderr: string;
  /** The last command that ran; where it stopped, when `status` isn't 0. */
  end: SourceLocation | undefined;
}

/** Reads the driver's result; `hostPath` maps a path of the builder (`/build/…`) to the file a person wrote. */
export function readEvaluation(data: Buffer, hostPath: (path: string) => string): Evaluation {
  const evaluation: Evaluation = {
    stages: [],
    instructions: [],
    changed: new Set(),
    failedConfigs: [],
    syntaxErrors: [],
    status: 0,
    stderr: '',
    end: undefined,
  };
  for (const record of records(data)) {
    const location = { file: hostPath(record.file), ...(record.line > 0 ? { line: record.line } : {}) };
    take(evaluation, record, location);
  }
  return evaluation;
}

interface DriverRecord {
  type: string;
  file: string;
  line: number;
  args: string[];
}

function* records(data: Buffer): Iterable<DriverRecord> {
  const fields = data.toString('utf8').split('\0');
  let at = 0;
  while (at + 4 < fields.length) {
    const [type, file, line, count] = fields.slice(at, at + 4) as [string, string, string, string];
    const end = at + 4 + Number(count);
    yield { type, file, line: Number(line), args: fields.slice(at + 4, end) };
    at = end;
  }
}

function take(evaluation: Evaluation, { type, args }: DriverRecord, location: SourceLocation): void {
  const [first = '', second = '', third = ''] = args;
  switch (type) {
    case 'stage':
      evaluation.stages.push({ args, location, exported: {}, after: evaluation.instructions.length });
      break;
    case 'export': {
      const stage = evaluation.stages.at(-1);
      if (stage !== undefined) stage.exported[first] = second;
      break;
    }
    case 'image':
    case 'base':
    case 'builder':
    case 'extra_input':
    case 'compute':
    case 'warm':
      evaluation.instructions.push({ word: type, args, location });
      break;
    case 'changed':
      evaluation.changed.add(first);
      break;
    case 'config-failed':
      evaluation.failedConfigs.push({ stage: first, status: Number(second), output: third, location });
      break;
    case 'syntax':
      evaluation.syntaxErrors.push({ text: first, location });
      break;
    case 'end':
      evaluation.end = location;
      break;
    case 'status':
      evaluation.status = Number(first);
      evaluation.stderr = second;
      break;
    default:
      throw new Error(`The spec driver wrote an unknown record: ${type}`);
  }
}
