/** The variables of an image's configuration, by name. */
import type { ImageConfig } from '../plan/index.ts';

export function variablesOf({ Env = [] }: ImageConfig): Record<string, string> {
  return Object.fromEntries(
    Env.map((pair) => {
      const at = pair.indexOf('=');
      return at === -1 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
