/** Drives the real command line, the bundle that users run. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BuildEvent } from '../../src/plan/index.ts';

export const program = fileURLToPath(new URL('../../dist/cambium.cjs', import.meta.url));

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd?: string;
  store: string;
  env?: Readonly<Record<string, string>>;
  input?: string;
}

function environment({ store, env }: CliOptions): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...own } = process.env;
  return { ...own, CAMBIUM_STORE: store, NO_COLOR: '1', ...env };
}

/** Runs a command to its end. */
export function cambium(args: readonly string[], options: CliOptions): CliResult {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--', program, ...args], {
    cwd: options.cwd,
    env: environment(options),
    encoding: 'utf8',
    input: options.input ?? '',
    maxBuffer: 256 * 1024 * 1024,
  });
  return { code: status, stdout, stderr };
}

/** As `cambium`, but fails the test unless the command succeeds. */
export function cambiumOk(args: readonly string[], options: CliOptions): CliResult {
  const result = cambium(args, options);
  if (result.code !== 0)
    throw new Error(
      `cambium ${args.join(' ')} exited with ${result.code}:\n${result.stdout}${result.stderr}`,
    );
  return result;
}

/** Starts a command and gives the process, in a group of its own. */
export function startCambium(
  args: readonly string[],
  options: CliOptions,
): { child: ChildProcess; ended: Promise<CliResult> } {
  const child = spawn(process.execPath, ['--', program, ...args], {
    cwd: options.cwd,
    env: environment(options),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  const ended = new Promise<CliResult>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
  return { child, ended };
}

export interface BuildRun extends CliResult {
  events: BuildEvent[];
  /** Titles of the steps that ran, in the order of their end; internal ones left out. */
  ran: string[];
  /** Stages that were reused. */
  reused: string[];
}

/** Builds with `--progress json` and tells what ran. */
export function build(args: readonly string[], options: CliOptions): BuildRun {
  return readBuild(cambium(['build', '--progress', 'json', ...args], options));
}

export function buildOk(args: readonly string[], options: CliOptions): BuildRun {
  const run = build(args, options);
  if (run.code !== 0) throw new Error(`the build exited with ${run.code}:\n${run.stdout}${run.stderr}`);
  return run;
}

export function readBuild(result: CliResult): BuildRun {
  const events = result.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as BuildEvent);
  const planned = new Map(
    events.flatMap((event) => (event.type === 'step-planned' ? [[event.step, event] as const] : [])),
  );
  const stages = (type: 'step-done' | 'step-reused') =>
    events.flatMap((event) => {
      const step = event.type === type ? planned.get(event.step) : undefined;
      return step && !step.internal ? [step.stage] : [];
    });
  return { ...result, events, ran: stages('step-done'), reused: stages('step-reused') };
}
