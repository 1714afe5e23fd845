/** `volume://NAME[@SNAPSHOT][/PATH]` as the context of a build: the volume is held in use, and read where it lies. */
import { statSync } from 'node:fs';
import { wrongUse } from '../kit/errors.ts';
import { findInRoot } from '../kit/in-root.ts';
import type { PlanFlags } from './build-flags.ts';

export interface HeldFlags<F> extends Disposable {
  /** The flags with host paths in place of volumes. */
  flags: F;
}

const isVolume = (text: string) => text.startsWith('volume://');

/** Holds the volumes that a build's flags name as contexts; dispose of it after the build. */
export async function holdVolumes<F extends PlanFlags>(flags: F): Promise<HeldFlags<F>> {
  const { where, dockerfile } = flags;
  const contexts = Object.entries(dockerfile.contexts);
  if (!isVolume(where) && !contexts.some(([, source]) => isVolume(source)))
    return { flags, [Symbol.dispose]() {} };
  const { openChosenStore } = await import('./open-store.ts');
  const { beginRun } = await import('../store/runs.ts');
  const { parseVolumeUrl, requireSnapshot, useVolume } = await import('../volumes/index.ts');
  const store = await openChosenStore(flags.storeDir);
  const run = beginRun(store);
  const release = () => {
    run[Symbol.dispose]();
    store.close();
  };
  const pathOf = async (text: string): Promise<string> => {
    const place = parseVolumeUrl(text);
    if (place === undefined) return text;
    const { name, snapshot, path } = place;
    // The use ends with the run.
    const { host } = await useVolume(store, run, name, { mode: 'read', refuse: true });
    const root = snapshot === undefined ? host : requireSnapshot(store, name, snapshot);
    const found = findInRoot(root, path);
    if (found === undefined || !statSync(found).isDirectory())
      throw wrongUse('missing-context', `There is no folder ${path} in the volume ${name}.`);
    return found;
  };
  try {
    const held: Record<string, string> = {};
    for (const [name, source] of contexts) held[name] = await pathOf(source);
    const changed = { ...flags, where: await pathOf(where), dockerfile: { ...dockerfile, contexts: held } };
    return { flags: changed, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}
