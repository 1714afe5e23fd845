/** RUN, CMD, ENTRYPOINT, SHELL and HEALTHCHECK: command lines and how they are run. */
import { didYouMean } from '../../../kit/suggest.ts';
import { isSpace, skipSpaces } from './characters.ts';
import { blame } from './complain.ts';
import { mixedJson } from './copying.ts';
import { readFlags } from './flags.ts';
import { MountError, mountSource } from './mounts.ts';
import { type RawInstruction, readJsonWords } from './raw.ts';
import { commonOf } from './shared.ts';
import type {
  CmdInstruction,
  CommandLine,
  EntrypointInstruction,
  HealthcheckInstruction,
  RunInstruction,
  ShellInstruction,
} from './types.ts';
import { readDurationNs } from './values.ts';

const networks = ['default', 'none', 'host'] as const;
const securities = ['sandbox', 'insecure'] as const;

export function readRun(raw: RawInstruction): RunInstruction {
  const flags = readFlags(raw, {
    mount: 'strings',
    network: 'string',
    security: 'string',
    device: 'strings',
  });
  const choose = <T extends string>(name: string, words: readonly [T, ...T[]]): T => {
    const value = flags.text(name);
    const found = value === undefined ? words[0] : words.find((word) => word === value);
    if (found !== undefined) return found;
    const hint = didYouMean(value ?? '', words, `It is one of ${words.join(', ')}.`);
    throw blame(raw, `--${name} can't be \`${value}\`.`, { ...at(flags.offset(name)), hint });
  };
  if (flags.list('device').length > 0) {
    const message = 'RUN --device is not supported: a build sees no devices of the host.';
    throw blame(raw, message, { ...at(flags.offset('device')), code: 'unsupported' });
  }
  const mountFlags = flags.list('mount');
  return {
    ...commonOf(raw),
    type: 'run',
    command: readCommand(raw, raw.rest),
    heredocs: raw.heredocs,
    mountFlags,
    mountSources: mountFlags.map((flag) => sourceOf(raw, flag)).filter((from) => from !== undefined),
    mounts: [],
    network: choose('network', networks),
    security: choose('security', securities),
  };
}

function sourceOf(raw: RawInstruction, flag: string): string | undefined {
  try {
    return mountSource(flag);
  } catch (error) {
    if (error instanceof MountError) throw blameMount(raw, flag, error);
    throw error;
  }
}

/** The error of a mount, with its place. */
export function blameMount(
  raw: Pick<RawInstruction, 'text' | 'location' | 'pieces'>,
  flag: string,
  error: MountError,
) {
  const offset = raw.text.indexOf(flag);
  return blame(raw, error.message, { ...at(offset < 0 ? undefined : offset), hint: error.hint });
}

function at(offset: number | undefined): { offset?: number } {
  return offset === undefined ? {} : { offset };
}

export function readCmd(raw: RawInstruction): CmdInstruction {
  readFlags(raw, {});
  return { ...commonOf(raw), type: 'cmd', command: readCommand(raw, raw.rest) };
}

export function readEntrypoint(raw: RawInstruction): EntrypointInstruction {
  readFlags(raw, {});
  return { ...commonOf(raw), type: 'entrypoint', command: readCommand(raw, raw.rest) };
}

export function readShell(raw: RawInstruction): ShellInstruction {
  readFlags(raw, {});
  const command = readCommand(raw, raw.rest);
  const hint = 'Write SHELL ["/bin/bash", "-c"].';
  if (command.argv.length === 0) throw blame(raw, 'SHELL needs at least one argument.', { hint });
  if (command.shell) throw blame(raw, 'SHELL needs a JSON array.', { offset: raw.restOffset, hint });
  return { ...commonOf(raw), type: 'shell', shell: command.argv };
}

/** Exec form when the text is a JSON array of strings, else shell form. */
function readCommand(raw: RawInstruction, text: string): CommandLine {
  const json = readJsonWords(text);
  if (json === 'mixed') throw mixedJson(raw);
  if (json !== undefined) return { argv: json, shell: false };
  return { argv: text === '' ? [] : [text], shell: true };
}

export function readHealthcheck(raw: RawInstruction): HealthcheckInstruction {
  const base = { ...commonOf(raw), type: 'healthcheck' as const };
  let end = 0;
  while (end < raw.rest.length && !isSpace(raw.rest[end] as string)) end += 1;
  const kind = raw.rest.slice(0, end).toUpperCase();
  const rest = raw.rest.slice(skipSpaces(raw.rest, end));
  const hint = 'Write HEALTHCHECK CMD command, or HEALTHCHECK NONE.';
  if (kind === '') throw blame(raw, 'HEALTHCHECK needs at least one argument.', { hint });
  const command = readCommand(raw, rest);
  if (kind === 'NONE') {
    if (command.argv.length > 0) throw blame(raw, 'HEALTHCHECK NONE takes no arguments.');
    return { ...base, test: ['NONE'] };
  }
  const string = 'string' as const;
  const durations = { interval: string, timeout: string, 'start-period': string, 'start-interval': string };
  const flags = readFlags(raw, { ...durations, retries: string });
  if (kind !== 'CMD') {
    throw blame(raw, `HEALTHCHECK has no kind \`${kind}\`.`, { offset: raw.restOffset, hint });
  }
  if (command.argv.length === 0) throw blame(raw, 'HEALTHCHECK CMD names no command.', { hint });
  return {
    ...base,
    test: [command.shell ? 'CMD-SHELL' : 'CMD', ...command.argv],
    ...interval(raw, flags, 'interval', 'intervalNs'),
    ...interval(raw, flags, 'timeout', 'timeoutNs'),
    ...interval(raw, flags, 'start-period', 'startPeriodNs'),
    ...interval(raw, flags, 'start-interval', 'startIntervalNs'),
    ...retries(raw, flags),
  };
}

type Flags = ReturnType<typeof readFlags>;

function interval<K extends string>(
  raw: RawInstruction,
  flags: Flags,
  name: string,
  key: K,
): { [P in K]?: number } {
  const text = flags.text(name);
  if (text === undefined) return {};
  const value = readDurationNs(text);
  const fail = (message: string, hint?: string) => blame(raw, message, { ...at(flags.offset(name)), hint });
  if (value === undefined) throw fail(`--${name} is no duration: \`${text}\`.`, 'Write 30s or 1m30s.');
  if (value === 0) return {};
  if (value < 1_000_000) throw fail(`--${name} can't be less than 1ms.`);
  return { [key]: value } as { [P in K]?: number };
}

function retries(raw: RawInstruction, flags: Flags): { retries?: number } {
  const text = flags.text('retries');
  if (text === undefined) return {};
  const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 0 && value < 2 ** 31)) {
    const message = `--retries is a number from 0 up, not \`${text}\`.`;
    throw blame(raw, message, at(flags.offset('retries')));
  }
  return value === 0 ? {} : { retries: value };
}
