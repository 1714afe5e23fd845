/** Freezes all processes of a run, so that its files stand still: by its cgroups, of which it notices nothing. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { outside } from '../../../kit/errors.ts';
import { cgroupPath, hierarchies } from './cgroups.ts';

const patienceMs = 5000;
const nap = new Int32Array(new SharedArrayBuffer(4));

/** Calls `body` while the run `id` stands still. `body` can't wait for anything: others wait meanwhile. */
export function whileFrozen<T>(id: string, body: () => T): T {
  const freezer = freezerOf(id);
  if (freezer === undefined)
    throw outside('no-freezer', 'This machine can not freeze processes: no cgroup does it.', {
      hint: 'Build without --live.',
    });
  try {
    freezer.set(true);
    const deadline = performance.now() + patienceMs;
    while (!freezer.isFrozen()) {
      if (performance.now() > deadline)
        throw outside('not-frozen', 'The processes of a live builder could not be stopped for a snapshot.', {
          hint: 'Is a disk or network file system stuck? `cambium dev --reset` starts anew from the last good result.',
        });
      Atomics.wait(nap, 0, 0, 0.2);
    }
    return body();
  } finally {
    freezer.set(false);
  }
}

interface Freezer {
  set(isFrozen: boolean): void;
  isFrozen(): boolean;
}

/** cgroup.freeze of version 2, else freezer.state of version 1. */
function freezerOf(id: string): Freezer | undefined {
  for (const { mount, version, controllers } of hierarchies()) {
    const folder = mount + cgroupPath(id);
    const read = (name: string) => readFileSync(`${folder}/${name}`, 'latin1');
    if (version === 2 && existsSync(`${folder}/cgroup.freeze`))
      return {
        set: (isFrozen) => writeFileSync(`${folder}/cgroup.freeze`, isFrozen ? '1' : '0'),
        isFrozen: () => /^frozen 1$/m.test(read('cgroup.events')),
      };
    if (controllers.includes('freezer') && existsSync(`${folder}/freezer.state`))
      return {
        set: (isFrozen) => writeFileSync(`${folder}/freezer.state`, isFrozen ? 'FROZEN' : 'THAWED'),
        isFrozen: () => read('freezer.state').trim() === 'FROZEN',
      };
  }
  return undefined;
}
