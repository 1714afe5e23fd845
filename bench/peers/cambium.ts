/** Cambium itself: the bundle that people run, on a store of the benchmark's own. */
import type { Command } from '../types.ts';

export interface Cambium {
  name: string;
  store: string;
  command(...args: string[]): Command;
  build(file: string, tag: string, ...flags: string[]): Command;
}

export function cambiumOn(program: string, store: string, name: string): Cambium {
  const command = (...args: string[]): Command => ({
    argv: [process.execPath, program, ...args],
    env: { CAMBIUM_STORE: store },
  });
  return {
    name,
    store,
    command,
    build: (file, tag, ...flags) => command('build', file, '-t', tag, ...flags),
  };
}
