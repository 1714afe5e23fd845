/** `cambium store create | info`: a store in a place of one's own, and what is in one. */
import { existsSync, readdirSync, statfsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { wrongUse } from '../../kit/errors.ts';
import { shownName } from '../../kit/names.ts';
import { statIfThere } from '../../kit/stat.ts';
import type { Store } from '../../store/store.ts';
import { storeOption } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { withStore } from '../open-store.ts';
import { formatBytes, formatTable, shellWord } from '../text.ts';
import { parseSize } from '../values.ts';

export function define(): Command {
  const create = new Command('create')
    .description('make a store')
    .argument('<path>', 'the folder that becomes the store')
    .option('--btrfs', 'in a btrfs file system of its own, kept in the file PATH.btrfs', false)
    .option('--size <size>', 'how big that file system may grow (default: 20g)')
    .action(createStore);
  addExamples(create, [
    ['cambium store create /srv/images', 'make a store on the file system that is there'],
    [
      'cambium store create --btrfs --size 20g /srv/fast',
      'make one on btrfs; after a boot, the same line mounts it again',
    ],
  ]);
  const info = new Command('info')
    .description('where the store is, and how big')
    .option('--json', 'print it as JSON', false)
    .addOption(storeOption())
    .action(async (options: { json: boolean; store?: string }) => {
      await withStore(options.store === undefined ? undefined : resolve(options.store), (store) =>
        showInfo(store, options.json),
      );
    });
  addExamples(info, [['cambium store info', 'look at the default store']]);
  const command = new Command('store').description('make a store, or look at one');
  command.addCommand(create).addCommand(info);
  return addExamples(command, [['cambium store info', 'where the store is, and how big']]);
}

async function createStore(path: string, options: { btrfs: boolean; size?: string }): Promise<void> {
  if (path === '') throw wrongUse('bad-value', 'PATH is empty.', { hint: 'This folder is `.`.' });
  const dir = resolve(path);
  if (options.size !== undefined && !options.btrfs) {
    throw wrongUse('bad-flags', 'The flag --size needs --btrfs: other stores grow with their file system.');
  }
  const sizeBytes = parseSize('--size', options.size ?? '20g');
  let fstab = '';
  if (options.btrfs) {
    const { mountBtrfsLoop } = await import('../../workers/local/snapshots/btrfs-loop.ts');
    const { file, isNew } = mountBtrfsLoop(dir, sizeBytes);
    print(isNew ? `made ${file} (${formatBytes(sizeBytes)})\n` : `mounted ${file}, which was there\n`);
    fstab = `${fstabWord(file)} ${fstabWord(dir)} btrfs loop,noatime 0 0`;
  } else if (isForeign(dir)) {
    throw wrongUse('folder-not-empty', `The folder ${dir} is not empty.`, { hint: 'Name a new folder.' });
  }
  await withStore(dir, () => {});
  const typed = shellWord(dir);
  print(`the store is ${shownName(dir)}; use it with --store ${typed}, or CAMBIUM_STORE=${typed}\n`);
  if (fstab !== '') print(`to have it mounted at each boot, add this line to /etc/fstab:\n${fstab}\n`);
}

/** Whether a folder has files in it and is no store: those of a store would lie among them. */
function isForeign(dir: string): boolean {
  if (!statIfThere(dir)?.isDirectory()) return false;
  return !existsSync(join(dir, 'cambium.db')) && readdirSync(dir).length > 0;
}

/** A path as fstab(5) has it. */
function fstabWord(path: string): string {
  return path.replace(/[ \t\n\\#]/g, (at) => `\\${at.charCodeAt(0).toString(8).padStart(3, '0')}`);
}

async function showInfo(store: Store, asJson: boolean): Promise<void> {
  const { isBtrfs } = await import('../../kit/btrfs.ts');
  const number = (sql: string) => (store.db.prepare(sql).get() as { value: number }).value;
  const disk = statfsSync(store.dir);
  const facts = {
    store: store.dir,
    driver: isBtrfs(store.dir) ? 'btrfs' : 'overlay',
    snapshots: number('SELECT count(*) AS value FROM snapshots'),
    images: number('SELECT count(*) AS value FROM images'),
    tags: number('SELECT count(*) AS value FROM tags'),
    blobs: number('SELECT count(*) AS value FROM blobs'),
    blobBytes: number('SELECT coalesce(sum(size), 0) AS value FROM blobs'),
    builds: number('SELECT count(*) AS value FROM builds'),
    freeBytes: disk.bavail * disk.bsize,
    diskBytes: disk.blocks * disk.bsize,
  };
  if (asJson) {
    print(`${JSON.stringify(facts, undefined, 2)}\n`);
    return;
  }
  print(
    formatTable([
      ['store', facts.store],
      ['driver', facts.driver],
      ['snapshots', String(facts.snapshots)],
      ['images', `${facts.images}, with ${facts.tags} tags`],
      ['blobs', `${facts.blobs}, ${formatBytes(facts.blobBytes)}`],
      ['builds', String(facts.builds)],
      ['disk', `${formatBytes(facts.freeBytes)} free of ${formatBytes(facts.diskBytes)}`],
    ]),
  );
}
