/**
 * Large trees that nobody needs any more: what a copy had made when Ctrl-C came. To remove one takes a second or more, for which nobody
 * should wait. It is moved to rubbish/, and removed beside the work of the next command that has some.
 */
import { readdirSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { isFull } from '../kit/disk-space.ts';
import { makeFolder } from '../kit/make-folder.ts';
import { removeAll } from '../kit/remove.ts';
import { newId } from './runs.ts';
import type { Store } from './store.ts';

type StoreFolder = Pick<Store, 'dir'>;

/** Trees with fewer entries are as soon removed. */
const many = 2000;

/** Takes a folder of the store out of the way, without mounts in it. False where it had better be removed at once. */
export function throwAway({ dir }: StoreFolder, tree: string): boolean {
  // On a full disk nothing else can be done before.
  if (!hasMany(tree) || isFull(dir)) return false;
  try {
    makeFolder(join(dir, 'rubbish'), 0o700);
    renameSync(tree, join(dir, 'rubbish', `${basename(tree)}-${newId()}`));
    return true;
  } catch {
    return false;
  }
}

function hasMany(tree: string): boolean {
  let entries = 0;
  const folders = [tree];
  for (let folder = folders.pop(); folder !== undefined && entries < many; folder = folders.pop()) {
    for (const entry of listIfAny(folder)) {
      entries += 1;
      if (entry.isDirectory()) folders.push(join(folder, entry.name));
    }
  }
  return entries >= many;
}

function listIfAny(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // A name that is no text: it is counted, and what is below it doesn't matter.
    return [];
  }
}

/** Ends with this process wherever it is, between two calls of the system. */
const removal = `
const { readdirSync, renameSync, rmdirSync, unlinkSync } = require('node:fs');
const { workerData } = require('node:worker_threads');
const rubbish = Buffer.from(workerData);
let moved = 0;
const inside = (folder, name) => Buffer.concat([folder, Buffer.from('/'), name]);
const entries = (folder) => readdirSync(folder, { withFileTypes: true, encoding: 'buffer' });
const remove = (folder) => {
  for (const entry of entries(folder)) {
    const path = inside(folder, entry.name);
    if (!entry.isDirectory()) unlinkSync(path);
    else if (path.length < 2000) remove(path);
    // Further down no whole path leads, and functions can't call themselves as often.
    else renameSync(path, inside(rubbish, Buffer.from(\`deep-\${process.pid}-\${moved++}\`)));
  }
  rmdirSync(folder);
};
let before;
do {
  before = moved;
  for (const { name } of entries(rubbish)) {
    // Another process may be at it too; what can't be removed so is left to a prune.
    try { remove(inside(rubbish, name)); } catch {}
  }
} while (moved > before);`;

/** Begins to remove what was thrown away, in a thread that nobody waits for. */
export function removeBeside({ dir }: StoreFolder): void {
  const rubbish = join(dir, 'rubbish');
  if (listIfAny(rubbish).length === 0) return;
  const worker = new Worker(removal, { eval: true, workerData: rubbish });
  // It is tried again by the next command.
  worker.on('error', () => {});
  worker.unref();
}

/** Removes all that was thrown away. */
export function removeRubbish({ dir }: StoreFolder): void {
  const rubbish = join(dir, 'rubbish');
  for (const { name } of listIfAny(rubbish)) removeAll(join(rubbish, name));
}
