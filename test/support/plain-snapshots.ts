/** Snapshots as plain folders, each a whole copy: so that images can be tested without a worker. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageContext } from '../../src/images/index.ts';
import type { SnapshotReader, SnapshotWriter } from '../../src/images/ports.ts';
import { sha256 } from '../../src/kit/digest.ts';
import { fsPath } from '../../src/kit/names.ts';
import { removeTree } from '../../src/kit/tar/safe-root.ts';
import type { Change } from '../../src/kit/tree.ts';
import { walkTree } from '../../src/kit/walk-tree.ts';
import type { SnapshotId, StepKey } from '../../src/plan/index.ts';
import { beginRun, newId } from '../../src/store/runs.ts';
import { findKey, insertSnapshot, lineageOf } from '../../src/store/snapshots.ts';
import { openStore } from '../../src/store/store.ts';
import { type Scratch, scratch } from './scratch.ts';

export interface PlainSnapshots extends Disposable {
  context: ImageContext;
  writer: SnapshotWriter;
  scratch: Scratch;
  /** Snapshots that were really filled. */
  filled: number;
  folderOf(id: SnapshotId): string;
  /** A snapshot on `parent`, made by `fill`. */
  add(fill: (root: string) => void | Promise<void>, parent?: SnapshotId, title?: string): Promise<SnapshotId>;
}

/** What makes the folder `after` out of `before`. */
function changesBetween(before: string | undefined, after: string): Change[] {
  const old = new Map(
    before === undefined ? [] : [...walkTree(before)].map((found) => [found.entry.path, found] as const),
  );
  const now = [...walkTree(after)];
  const names = new Set(now.map(({ entry }) => entry.path));
  const describe = ({ entry, host }: (typeof now)[number]) => {
    const { inode: _, xattrs, ...rest } = entry;
    const content = entry.type === 'file' ? sha256(readFileSync(fsPath(host))) : '';
    return JSON.stringify([{ ...rest, mtimeNs: String(rest.mtimeNs) }, [...(xattrs ?? [])], content]);
  };
  const changes: Change[] = now
    .filter((found) => {
      const was = old.get(found.entry.path);
      return was === undefined || describe(was) !== describe(found);
    })
    .map(({ entry, host }) => ({ kind: 'present', entry, content: host }));
  for (const path of old.keys()) {
    const parent = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    if (!names.has(path) && names.has(parent)) changes.push({ kind: 'deleted', path });
  }
  const pathOf = (change: Change) => (change.kind === 'deleted' ? change.path : change.entry.path);
  return changes.sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
}

export function plainSnapshots(): PlainSnapshots {
  const place = scratch();
  const store = openStore(place.path('store'));
  const run = beginRun(store);
  const folderOf = (id: SnapshotId) => join(store.dir, 'snapshots', id);
  const rows = (id: SnapshotId) => lineageOf(store.db, id);

  const reader: SnapshotReader = {
    lineage: (id) =>
      rows(id)
        .map((row) => row.id)
        .reverse(),
    changes(id) {
      const parent = rows(id)[0]?.parent;
      return changesBetween(parent ? folderOf(parent) : undefined, folderOf(id));
    },
    view: (id, body) => body(folderOf(id)),
  };
  const result: PlainSnapshots = {
    context: { store, run, snapshots: reader },
    scratch: place,
    folderOf,
    filled: 0,
    writer: {
      async make({ key, parent, stage, title }, fill) {
        const hit = findKey(store.db, key);
        if (hit) return hit.snapshot;
        const id = newId() as SnapshotId;
        if (parent === undefined) mkdirSync(folderOf(id));
        else execFileSync('cp', ['-a', folderOf(parent), folderOf(id)]);
        try {
          await fill(folderOf(id));
        } catch (error) {
          removeTree(folderOf(id));
          throw error;
        }
        result.filled += 1;
        insertSnapshot(store.db, {
          id,
          parent,
          driver: 'plain',
          folders: [id],
          stage,
          title,
          durationMs: 1,
          key,
          run: run.id,
        });
        return id;
      },
    },
    add: (fill, parent, title = 'made by a test') =>
      result.writer.make({ key: newId() as string as StepKey, parent, stage: 'test', title }, async (root) =>
        fill(root),
      ),
    [Symbol.dispose]() {
      run[Symbol.dispose]();
      store.close();
      place[Symbol.dispose]();
    },
  };
  return result;
}

/** Shell lines that make one of everything that an image can hold, in the current folder. */
export const oneOfEverything = `
  mkdir -p bin etc/deep "dir with space" sticky empty
  printf '#!/bin/sh\\necho hi\\n' > bin/run; chmod 4755 bin/run; chown 0:0 bin/run
  printf data > etc/conf; chmod 640 etc/conf; chown 1000:2000 etc/conf; ln etc/conf etc/conf-link
  ln etc/conf "dir with space/far-link"
  ln -s ../etc/conf bin/link; ln -s /nowhere/$(head -c 200 /dev/zero | tr '\\0' x) bin/dangling
  mknod null c 1 3; mknod disk b 259 70000; mkfifo pipe
  chmod 1777 sticky; chmod 2755 etc/deep; chown 3000000:4000000 etc/deep
  printf x > "$(printf 'latin\\351')"; printf y > ünïcode
  mkdir -p "$(head -c 90 /dev/zero | tr '\\0' d)/$(head -c 90 /dev/zero | tr '\\0' e)"
  printf long > "$(head -c 90 /dev/zero | tr '\\0' d)/$(head -c 90 /dev/zero | tr '\\0' e)/file"
  cp /bin/true bin/capable; setcap cap_net_raw+ep bin/capable
  printf acl > etc/acl; setfacl -m u:1234:rw etc/acl; setfacl -d -m u:77:rwx etc/deep
  setfattr -n user.binary -v 0x00ff0a3d01 etc/acl
  truncate -s 3M sparse; printf tail | dd of=sparse bs=1 seek=2000000 conv=notrunc status=none
  touch -d '1969-12-31T23:59:58.5Z' before-epoch; touch -d '2001-02-03T04:05:06.123456789Z' etc/conf
  touch -h -d '2002-02-03T04:05:06.987654321Z' bin/link
  touch -d '2003-03-03T03:03:03.000000001Z' empty
`;

export function shell(script: string, cwd: string): string {
  return execFileSync('bash', ['-euo', 'pipefail', '-c', script], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
