/** `cambium dev` at work: its events as they come. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildEvent } from '../../../src/plan/index.ts';
import { type CliResult, startCambium } from '../../support/cli.ts';
import type { Project } from './project.ts';

type OfType<T extends BuildEvent['type']> = Extract<BuildEvent, { type: T }>;

/** Killed at the end of its scope, unless it ended before. */
export interface Dev extends AsyncDisposable {
  pid: number;
  events: BuildEvent[];
  /** Resolves to the next event of a type for which `is` holds, from those that were not asked for yet. */
  next<T extends BuildEvent['type']>(type: T, is?: (event: OfType<T>) => boolean): Promise<OfType<T>>;
  /** All of a type. */
  all<T extends BuildEvent['type']>(type: T): OfType<T>[];
  /** Ends it, and gives how. */
  end(signal?: NodeJS.Signals): Promise<CliResult>;
}

const patienceMs = 30_000;

export function startDev({ at }: Project, ...args: string[]): Dev {
  const { child, ended } = startCambium(['dev', '--progress', 'json', '-t', 'app', ...args], at);
  const events: BuildEvent[] = [];
  let rest = '';
  let seen = 0;
  let errors = '';
  child.stderr?.on('data', (data: Buffer) => (errors += data.toString()));
  child.stdout?.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) events.push(JSON.parse(line) as BuildEvent);
  });
  const ofType = <T extends BuildEvent['type']>(type: T, from = 0) =>
    events.slice(from).filter((event): event is OfType<T> => event.type === type);
  return {
    pid: child.pid as number,
    events,
    all: (type) => ofType(type),
    async next(type, is = () => true) {
      for (const end = Date.now() + patienceMs; Date.now() < end; await sleep(10)) {
        const found = ofType(type, seen).find(is);
        if (found === undefined) continue;
        seen = events.indexOf(found) + 1;
        return found;
      }
      throw new Error(`no ${type} came; ${JSON.stringify(events.slice(-10))} ${errors}`);
    },
    end(signal = 'SIGINT') {
      child.kill(signal);
      return ended;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
