/** Amounts as people write them (`512m`, `1.5GiB`, `0.5`), for flags, build files and variables alike. */

const powers = ['', 'k', 'm', 'g', 't', 'p'];

/** A size such as `64m` or `1.5GiB` in bytes, units of 1024 as for memory, or undefined. */
export function readSizeBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d*)?|\.\d+) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const power = powers.indexOf((match[2] as string).toLowerCase());
  const size = Math.trunc(Number(match[1]) * 1024 ** power);
  return Number.isSafeInteger(size) ? size : undefined;
}

/** What a runtime needs to start a command at all; Docker takes no less either. */
export const leastMemoryBytes = 6 * 1024 ** 2;

/** A number of cores, maybe a fraction, of at least a hundredth; or undefined. */
export function readCores(text: string): number | undefined {
  const cores = Number(text);
  return /^\d*\.?\d+$/.test(text) && cores >= 0.01 && Number.isFinite(cores) ? cores : undefined;
}

/** A size as people say it, in powers of 1024: `412 B`, `1.5 KiB`, `2.0 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
