/** Values as Dockerfiles write them: numbers, switches, durations, sizes, fields separated by commas. */

/** Unsigned 32-bit number in octal or decimal digits, or undefined. */
export function readUnsigned(text: string, base: 8 | 10): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(text)) return undefined;
  const value = Number.parseInt(text, base);
  return value <= 0xffffffff ? value : undefined;
}

/** `true`, `1`, `t`, … or `false`, `0`, `f`, … in the spellings that Go's `strconv.ParseBool` takes, or undefined. */
export function readSwitch(text: string): boolean | undefined {
  if (['1', 't', 'T', 'true', 'True', 'TRUE'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'False', 'FALSE'].includes(text)) return false;
  return undefined;
}

const unitNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** A duration such as `1m30.5s` in nanoseconds, as Go's `time.ParseDuration` reads it, or undefined. */
export function readDurationNs(text: string): number | undefined {
  const [, sign, rest] = /^([+-]?)(.*)$/s.exec(text) as unknown as [string, string, string];
  if (rest === '0') return 0;
  let total = 0n;
  let at = 0;
  const part = /(?:(\d+)(?:\.(\d*))?|\.(\d+))(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/y;
  while (at < rest.length) {
    part.lastIndex = at;
    const match = part.exec(rest);
    if (match === null) return undefined;
    const unit = unitNs[match[4] as string] as bigint;
    // Digits beyond nanoseconds count for nothing.
    const fraction = (match[2] ?? match[3] ?? '').slice(0, 15);
    total += BigInt((match[1] ?? '0').slice(0, 40)) * unit;
    total += (BigInt(fraction || '0') * unit) / 10n ** BigInt(fraction.length);
    if (total >= 2n ** 63n) return undefined;
    at = part.lastIndex;
  }
  if (rest === '') return undefined;
  return sign === '-' ? -Number(total) : Number(total);
}

/** Fields of one line of CSV; a field in double quotes may hold commas. Undefined when quotes don't fit. */
export function readFields(line: string): string[] | undefined {
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let at = 0; ; at = field.lastIndex) {
    field.lastIndex = at;
    const match = field.exec(line);
    if (match === null) return undefined;
    fields.push(match[1]?.replaceAll('""', '"') ?? (match[2] as string));
    if (match[3] === '') return fields;
  }
}
