/** Instructions that change the image's configuration only: each also leaves a line of history. */
import { constants } from 'node:os';
import { blame } from '../language/complain.ts';
import { expandWord } from '../language/expand-instruction.ts';
import { readPorts } from '../language/ports.ts';
import type {
  ArgInstruction,
  CommandLine,
  EscapeToken,
  ExposeInstruction,
  HealthcheckInstruction,
  StageInstruction,
  StopsignalInstruction,
} from '../language/types.ts';
import { goDuration, plainList, quotedList } from './history.ts';
import { addHistory, type StageState, setVariable } from './state.ts';

export interface ArgumentFacts {
  escape: EscapeToken;
  given: Readonly<Record<string, string>>;
  global: ReadonlyMap<string, string>;
  /** Told of variables that an ARG's default names and that aren't set. */
  onUnset: (instruction: StageInstruction, unset: ReadonlySet<string>) => void;
}

/** Applies an expanded instruction; false when it is none of those. */
export function configure(state: StageState, instruction: StageInstruction, facts: ArgumentFacts): boolean {
  const { config } = state;
  switch (instruction.type) {
    case 'arg':
      declare(state, instruction, facts);
      return true;
    case 'env':
      for (const { key, value } of instruction.pairs) {
        config.Env = setVariable(config.Env, key, value);
        state.env.set(key, value);
      }
      addHistory(state, `ENV ${instruction.pairs.map(({ key, value }) => `${key}=${value}`).join(' ')}`);
      return true;
    case 'label':
      config.Labels = { ...config.Labels };
      for (const { key, value } of instruction.pairs) config.Labels[key] = value;
      addHistory(state, `LABEL ${instruction.pairs.map(({ key, value }) => `${key}=${value}`).join(' ')}`);
      return true;
    case 'user':
      config.User = instruction.user;
      addHistory(state, `USER ${instruction.user}`);
      return true;
    case 'cmd':
      config.Cmd = commandOf(state, instruction.command);
      config.ArgsEscaped = true;
      state.hasOwnCmd = true;
      addHistory(state, `CMD ${quotedList(config.Cmd)}`);
      return true;
    case 'entrypoint':
      config.Entrypoint = commandOf(state, instruction.command);
      if (!state.hasOwnCmd) delete config.Cmd;
      addHistory(state, `ENTRYPOINT ${quotedList(config.Entrypoint)}`);
      return true;
    case 'expose':
      expose(state, instruction);
      return true;
    case 'volume':
      config.Volumes = { ...config.Volumes };
      for (const path of instruction.paths) {
        if (path === '') throw blame(instruction, "VOLUME can't be an empty path.");
        config.Volumes[path] = {};
      }
      addHistory(state, `VOLUME ${plainList(instruction.paths)}`);
      return true;
    case 'shell':
      config.Shell = [...instruction.shell];
      addHistory(state, `SHELL ${plainList(instruction.shell)}`);
      return true;
    case 'stopsignal':
      checkSignal(instruction);
      config.StopSignal = instruction.signal;
      addHistory(state, `STOPSIGNAL ${instruction.signal}`);
      return true;
    case 'healthcheck':
      setHealthcheck(state, instruction);
      return true;
    case 'onbuild':
      config.OnBuild = [...(config.OnBuild ?? []), instruction.trigger];
      state.triggers.push(instruction.trigger);
      return true;
    case 'maintainer':
      state.author = instruction.name;
      addHistory(state, `MAINTAINER ${instruction.name}`);
      return true;
    default:
      return false;
  }
}

/** A command as the image has it: the shell form goes through the stage's shell. */
export function commandOf({ config }: StageState, { argv, shell }: CommandLine): string[] {
  return shell ? [...(config.Shell?.length ? config.Shell : ['/bin/sh', '-c']), argv.join(' ')] : [...argv];
}

function declare(state: StageState, instruction: ArgInstruction, facts: ArgumentFacts): void {
  const { given, global } = facts;
  const shown = instruction.args.map(({ name, value: written }) => {
    let value: string | undefined;
    if (Object.hasOwn(given, name)) value = given[name];
    else if (written !== undefined) {
      const lookup = (wanted: string) => state.env.get(wanted);
      const expanded = expandWord(instruction, written, { escape: facts.escape, lookup });
      facts.onUnset(instruction, expanded.unset);
      value = expanded.text;
    } else value = global.get(name);
    if (value !== undefined) state.env.set(name, value);
    state.args.push({ name, value });
    return value === undefined ? name : `${name}=${value}`;
  });
  addHistory(state, `ARG ${shown.join(' ')}`);
}

function expose(state: StageState, instruction: ExposeInstruction): void {
  const ports = instruction.ports.flatMap((word) => {
    const read = readPorts(word);
    if ('wrong' in read) throw blame(instruction, read.wrong);
    return read.ports;
  });
  state.config.ExposedPorts = { ...state.config.ExposedPorts };
  for (const port of ports) state.config.ExposedPorts[port] = {};
  addHistory(state, `EXPOSE ${plainList(ports)}`);
}

function checkSignal(instruction: StopsignalInstruction): void {
  const { signal } = instruction;
  const name = signal.toUpperCase().replace(/^SIG/, '');
  const isKnown =
    /^\d+$/.test(signal) && Number(signal) > 0
      ? Number(signal) <= 64
      : Object.hasOwn(constants.signals, `SIG${name}`) || /^RTM(IN|AX)([+-]\d+)?$/.test(name);
  if (isKnown) return;
  throw blame(instruction, `There is no signal \`${signal}\`.`, {
    hint: 'Write SIGTERM, SIGINT, or a number.',
  });
}

function setHealthcheck(state: StageState, instruction: HealthcheckInstruction): void {
  const { test, intervalNs, timeoutNs, startPeriodNs, startIntervalNs, retries } = instruction;
  state.config.Healthcheck = {
    Test: [...test],
    ...(intervalNs !== undefined && { Interval: intervalNs }),
    ...(timeoutNs !== undefined && { Timeout: timeoutNs }),
    ...(startPeriodNs !== undefined && { StartPeriod: startPeriodNs }),
    ...(startIntervalNs !== undefined && { StartInterval: startIntervalNs }),
    ...(retries !== undefined && { Retries: retries }),
  };
  const facts = [
    `Test:${plainList(test)}`,
    `Interval:${goDuration(intervalNs ?? 0)}`,
    `Timeout:${goDuration(timeoutNs ?? 0)}`,
    `StartPeriod:${goDuration(startPeriodNs ?? 0)}`,
    `StartInterval:${goDuration(startIntervalNs ?? 0)}`,
    `Retries:${retries ?? 0}`,
  ];
  addHistory(state, `HEALTHCHECK {${facts.join(' ')}}`);
}
