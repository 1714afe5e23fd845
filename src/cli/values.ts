/** Values of flags: each function takes what a person typed and gives the value, or a clear error (exit code 2). */

import { hostPlatform } from '../images/sources/platform.ts';
import { leastMemoryBytes, readCores, readSizeBytes } from '../kit/amounts.ts';
import { wrongUse } from '../kit/errors.ts';
import { nearest } from '../kit/suggest.ts';
import type { Network, Platform } from '../plan/index.ts';

export function badValue(flag: string, value: string, needs: string): Error {
  return wrongUse('bad-value', `The value \`${value}\` of ${flag} is wrong: ${needs}.`);
}

/** A size in bytes, as Docker writes them: `512m`, `2g`, `1.5GiB`; units are powers of 1024. */
export function parseSize(flag: string, text: string): number {
  const bytes = readSizeBytes(text.trim());
  if (!bytes) throw badValue(flag, text, 'it takes a size, such as 512m or 2g');
  return bytes;
}

/** The memory that a command may use, in bytes. */
export function parseMemory(flag: string, text: string): number {
  const bytes = parseSize(flag, text);
  if (bytes < leastMemoryBytes) throw badValue(flag, text, 'it takes 6m or more; a number alone is bytes');
  return bytes;
}

/** A count of at least `least`. */
export function parseCount(flag: string, text: string, least = 1): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value)) {
    throw badValue(flag, text, `it takes a whole number, ${least} or more`);
  }
  return value;
}

/** Cores, may be a fraction. */
export function parseCpus(flag: string, text: string): number {
  const cores = readCores(text);
  if (cores === undefined) throw badValue(flag, text, 'it takes a number of cores, such as 2 or 0.5');
  return cores;
}

/** For docker and podman 0 cores and 0 bytes are no limit. */
export function limitText(text: string | undefined): string | undefined {
  return text === '0' ? undefined : text;
}

const durationUnits: Record<string, number> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A duration in milliseconds: `90s`, `30m`, `24h`, `7d`, `1h30m`. */
export function parseDuration(flag: string, text: string): number {
  if (!/^(\d+(\.\d+)?[smhdw])+$/.test(text))
    throw badValue(flag, text, 'it takes a duration, such as 90s, 24h or 7d');
  let ms = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([smhdw])/g)) {
    ms += Number(amount) * (durationUnits[unit as string] as number);
  }
  return ms;
}

/** A duration of more than nothing; a number alone is seconds, as for timeout(1). */
export function parseTimeout(flag: string, text: string): number {
  const ms = parseDuration(flag, /^\d+$/.test(text) ? `${text}s` : text);
  if (ms === 0) throw badValue(flag, text, 'it takes more than nothing');
  return ms;
}

/** One of a few words. */
export function parseChoice<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  const found = choices.find((choice) => choice === text);
  if (found !== undefined) return found;
  const meant = nearest(text, choices);
  throw wrongUse('bad-value', `The value \`${text}\` of ${flag} is wrong: it takes ${choices.join(', ')}.`, {
    ...(meant === undefined ? {} : { hint: `Did you mean \`${meant}\`?` }),
  });
}

export function parseNetwork(flag: string, text: string): Network {
  // BuildKit's word for the network of its sandbox.
  return text === 'default' ? 'nat' : parseChoice(flag, text, ['host', 'none', 'nat']);
}

/** `K=V` pairs; the last one wins. A name alone is refused, or has the empty value. */
export function parsePairs(
  flag: string,
  texts: readonly string[],
  { aloneIsEmpty = false } = {},
): Record<string, string> {
  const pairs: Record<string, string> = {};
  for (const text of texts) {
    const at = text.indexOf('=');
    const name = at === -1 && aloneIsEmpty ? text : text.slice(0, Math.max(0, at));
    if (name === '') throw badValue(flag, text, 'it takes NAME=VALUE');
    pairs[name] = at === -1 ? '' : text.slice(at + 1);
  }
  return pairs;
}

/** Other names that people have for architectures. */
const aliases: Partial<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
};

/** Checks that a platform is this machine's own: the only one that can be built here. */
export function parsePlatform(flag: string, text: string): Platform {
  const native = hostPlatform();
  const [os = '', architecture = '', variant] = text.toLowerCase().split('/');
  const isNative = os === 'linux' && (aliases[architecture] ?? architecture) === native.architecture;
  if (!isNative || (variant !== undefined && !(native.architecture === 'arm64' && variant === 'v8'))) {
    throw wrongUse(
      'foreign-platform',
      `The platform \`${text}\` of ${flag} can't be built on this machine.`,
      {
        hint: `Leave ${flag} out, or build linux/${native.architecture}.`,
      },
    );
  }
  return native;
}

/** SOURCE_DATE_EPOCH in seconds, or undefined when it isn't set. */
export function parseSourceDateEpoch(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(Number(text))) {
    throw wrongUse(
      'bad-value',
      `SOURCE_DATE_EPOCH is \`${text}\`: it takes seconds since 1970, a whole number.`,
    );
  }
  return Number(text);
}
