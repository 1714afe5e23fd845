/** The image's configuration, as a build file says it word by word: `env K=V`, `cmd …`, as a Dockerfile has them. */

import { didYouMean } from '../kit/suggest.ts';
import type { ImageConfig } from '../plan/index.ts';

type Change = (config: ImageConfig, args: readonly string[]) => string | undefined;

/** One entry a word: changes the configuration, or says what is wrong with its arguments. */
const words: Readonly<Record<string, Change>> = {
  cmd: (config, args) => {
    config.Cmd = [...args];
    return undefined;
  },
  entrypoint: (config, args) => {
    config.Entrypoint = [...args];
    return undefined;
  },
  env: (config, args) =>
    eachPair(args, (name, value) => {
      const others = (config.Env ?? []).filter((entry) => !entry.startsWith(`${name}=`));
      config.Env = [...others, `${name}=${value}`];
    }),
  label: (config, args) =>
    eachPair(args, (name, value) => {
      config.Labels = { ...config.Labels, [name]: value };
    }),
  user: one((config, value) => {
    config.User = value;
    return undefined;
  }),
  workdir: one((config, value) => {
    if (!value.startsWith('/')) return 'needs an absolute path';
    config.WorkingDir = value;
    return undefined;
  }),
  'stop-signal': one((config, value) => {
    if (!/^(SIG)?[A-Z0-9+]+$/.test(value)) return `has no such signal: ${value}`;
    config.StopSignal = value;
    return undefined;
  }),
  expose: (config, args) =>
    each(args, (value) => {
      const port = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(value);
      if (!port || Number(port[1]) > 65535) return `needs PORT[/tcp|udp|sctp], not ${value}`;
      config.ExposedPorts = { ...config.ExposedPorts, [`${port[1]}/${port[2] ?? 'tcp'}`]: {} };
      return undefined;
    }),
  volume: (config, args) =>
    each(args, (value) => {
      if (!value.startsWith('/')) return 'needs an absolute path';
      config.Volumes = { ...config.Volumes, [value]: {} };
      return undefined;
    }),
};

/** Applies one instruction to `config`; returns what is wrong with it, and a hint. */
export function configureImage(
  config: ImageConfig,
  [word = '', ...args]: readonly string[],
): { message: string; hint?: string } | undefined {
  const change = Object.hasOwn(words, word) ? words[word] : undefined;
  if (change === undefined) {
    const known = Object.keys(words);
    const hint = didYouMean(word, known, `It knows ${known.join(', ')}.`);
    return {
      message: `\`image\` doesn't know the word \`${word}\`.`,
      ...(hint === undefined ? {} : { hint }),
    };
  }
  const wrong = args.length === 0 ? 'needs a value' : change(config, args);
  return wrong === undefined ? undefined : { message: `\`image ${word}\` ${wrong}.` };
}

function one(change: (config: ImageConfig, value: string) => string | undefined): Change {
  return (config, args) => (args.length === 1 ? change(config, args[0] as string) : 'needs one value');
}

function each(args: readonly string[], change: (value: string) => string | undefined): string | undefined {
  for (const arg of args) {
    const wrong = change(arg);
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

function eachPair(
  args: readonly string[],
  change: (name: string, value: string) => void,
): string | undefined {
  return each(args, (arg) => {
    const at = arg.indexOf('=');
    if (at < 1) return `needs NAME=VALUE, not ${arg}`;
    change(arg.slice(0, at), arg.slice(at + 1));
    return undefined;
  });
}
