/** Lines of an image's history in the words that `docker build` has for them. */

/** As Go prints a list of strings in quotes: `["a" "b"]`. */
export function quotedList(words: readonly string[]): string {
  return `[${words.map((word) => JSON.stringify(word)).join(' ')}]`;
}

/** As Go prints a list: `[a b]`. */
export function plainList(words: readonly string[]): string {
  return `[${words.join(' ')}]`;
}

/** A RUN's line: the arguments that it saw, and the command. */
export function runLine(argv: readonly string[], args: readonly { name: string; value: string }[]): string {
  const values = new Map<string, string>();
  for (const { name, value } of args) values.set(name, value);
  const shown = [...values].map(([name, value]) => `${name}=${value}`);
  const seen = shown.length > 0 ? [`|${shown.length}`, ...shown] : [];
  return `RUN ${[...seen, ...argv].join(' ')} # buildkit`;
}

/** Nanoseconds as Go prints a duration: `1m30s`, `0s`, `500ms`. */
export function goDuration(ns: number): string {
  if (ns === 0) return '0s';
  if (ns < 1e9) {
    const [size, unit] = ns >= 1e6 ? [1e6, 'ms'] : ns >= 1e3 ? [1e3, 'µs'] : [1, 'ns'];
    return `${ns / size}${unit}`;
  }
  const seconds = ns / 1e9;
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = `${Number((seconds % 60).toFixed(9))}s`;
  if (hours > 0) return `${hours}h${minutes}m${rest}`;
  return minutes > 0 ? `${minutes}m${rest}` : rest;
}
