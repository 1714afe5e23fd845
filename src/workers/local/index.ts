/** The embedded worker: snapshots of a store, isolated runs on this machine. Needs root. */
import { existsSync, readFileSync } from 'node:fs';
import { outside } from '../../kit/errors.ts';
import { atOnce, inTurns } from '../../kit/in-turns.ts';
import { enterPrivateMounts, unmountBelow } from '../../kit/system.ts';
import type { RunOp, SnapshotId, Source, Step } from '../../plan/index.ts';
import { stackRows } from '../../store/folds.ts';
import { removeBeside } from '../../store/rubbish.ts';
import { beginRun, lease, type Run } from '../../store/runs.ts';
import { findKey } from '../../store/snapshots.ts';
import type { Store } from '../../store/store.ts';
import type { Worker } from '../worker.ts';
import { asksForCompute, checkCompute } from './compute/budget.ts';
import { reserveCompute } from './compute/reserve.ts';
import { type Contents, openContents } from './copy/content.ts';
import { executeCopy } from './copy/execute.ts';
import { endEmulation } from './emulation.ts';
import { executeLink } from './execute-link.ts';
import { executeRun } from './execute-run.ts';
import { executeSource, folderCopy, isRemote } from './execute-source.ts';
import { hostIdentity as identifyHost } from './host-identity.ts';
import type { LazyLocalWorker } from './local-worker.ts';
import { noProvisions, type Provisions } from './provisions.ts';
import { memoryFolder } from './run-place.ts';
import { openStarters, prepareRun, type Starters } from './runtimes/index.ts';
import { driverFor, openSnapshots, type Snapshots } from './snapshots/registry.ts';
import { sweep } from './sweep.ts';

export type { LazyLocalWorker, LocalWorker } from './local-worker.ts';

/** What the host's own programs are, as a builder: its digests are remembered in the store. */
export function hostIdentity(store: Store): Record<string, string> {
  const find = store.db.prepare('SELECT digest FROM scans WHERE root = ? AND fingerprint = ?');
  const save = store.db.prepare(
    "INSERT OR REPLACE INTO scans (root, fingerprint, digest, listing, last_used_ms) VALUES (?, ?, ?, x'', ?)",
  );
  return identifyHost({
    get: (fingerprint) =>
      (find.get(`host ${fingerprint}`, fingerprint) as { digest: string } | undefined)?.digest,
    set: (fingerprint, digest) => save.run(`host ${fingerprint}`, fingerprint, digest, Date.now()),
  });
}

function noSnapshot(): never {
  throw new Error('a folder has no snapshot');
}

export { type CommandRequest, runCommand } from './command.ts';
export type { CommandMount } from './command-mounts.ts';
export { checkCompute, machineBudget, shownAmount } from './compute/budget.ts';
export { describeFailure } from './describe-failure.ts';
export type { Provisions } from './provisions.ts';
export { repairStore } from './repair.ts';
export type { DnsWishes, Inside, Limits, PortForward, RunResult } from './runtimes/index.ts';
export { probeRuntimes } from './runtimes/index.ts';
export { openShell } from './shell.ts';

/**
 * Opens a worker on a store. Nothing is locked, mounted or swept before the first snapshot is forked or viewed:
 * a build with nothing to do needs none of it.
 */
export function createLocalWorker(store: Store, provisions: Provisions = noProvisions): LazyLocalWorker {
  let opened: { run: Run; snapshots: Snapshots; starters: Starters } | undefined;
  let isSwept = false;
  let ready: Promise<void> | undefined;

  const open = () => {
    if (opened === undefined) {
      if (process.getuid?.() !== 0) {
        throw outside('needs-root', 'Cambium needs root to make snapshots and to isolate what it runs.', {
          hint: 'Run it with sudo.',
        });
      }
      if (!existsSync('/proc/self/mountinfo'))
        throw outside('no-proc', '/proc is not mounted.', { hint: 'Mount it: mount -t proc proc /proc' });
      enterPrivateMounts();
      const run = beginRun(store);
      opened = { run, snapshots: openSnapshots(store, run), starters: openStarters(run.dir) };
    }
    return opened;
  };
  const openAndSweep = async () => {
    const parts = open();
    if (!isSwept) {
      isSwept = true;
      await sweep(store, driverFor(store));
      removeBeside(store);
    }
    return parts;
  };
  const contents: Contents = openContents(store, (id) => open().snapshots.mountView(id));
  // What a source was when its key was made: that is what is brought in, whatever its name stands for by then.
  const identities = new Map<Source, Readonly<Record<string, string>>>();

  const worker: Worker = {
    find: (key) => findKey(store.db, key),
    lease: (snapshot) => lease(store, open().run, snapshot),
    contentOf: (copy, snapshotOf) => atOnce(contents.facts(copy, snapshotOf)),
    async readAhead(copy, snapshotOf, signal) {
      await inTurns(contents.facts(copy, snapshotOf), signal);
    },
    async identify(source, signal) {
      if (source.type === 'folder')
        return inTurns(contents.facts(folderCopy(source.path), noSnapshot), signal);
      if (isRemote(source)) {
        const { identifyRemote } = await import('./remote/index.ts');
        return identifyRemote(store, source);
      }
      const { identifySource } = await import('../../images/index.ts');
      const identity = await identifySource(store, source);
      identities.set(source, identity);
      return identity;
    },
    checkCompute(compute) {
      if (asksForCompute(compute)) checkCompute(compute);
    },
    async reserve(compute, wait) {
      if (!asksForCompute(compute)) return { [Symbol.dispose]() {} };
      return reserveCompute(store, open().run, compute, wait);
    },
    async execute(task) {
      const { run, snapshots, starters } = await openAndSweep();
      const { op } = task.step;
      const startedMs = performance.now();
      // While files are copied or brought in, what stands before a runtime starts too. What is missing, the run says.
      if (op.type !== 'run' && task.isFollowed) await prepareRun(starters).catch(() => {});
      if (op.type === 'run') {
        const place = { store, snapshots, runDir: run.dir, runId: run.id, provisions, starters, ready };
        return executeRun(place, op, task);
      }
      try {
        const snapshot = await make(op);
        return { outcome: 'done', snapshot, durationMs: performance.now() - startedMs };
      } catch (error) {
        if (task.signal.aborted) return { outcome: 'cancelled' };
        throw error;
      }

      async function make(op: Exclude<Step['op'], RunOp>): Promise<SnapshotId> {
        switch (op.type) {
          case 'copy':
            return executeCopy(store, snapshots, contents, op, task, run.dir);
          case 'link':
            return executeLink(store, snapshots, op, task, run.dir);
          case 'source': {
            const identity = identities.get(op.source) ?? {};
            return executeSource(store, snapshots, contents, run, op, task, identity);
          }
        }
      }
    },
    readFile(snapshot, path) {
      const host = driverFor(store).locate(stackRows(store.db, snapshot), path);
      return host === undefined ? undefined : readFileSync(host);
    },
    close() {
      if (opened === undefined) return;
      opened.starters[Symbol.dispose]();
      endEmulation(opened.run.dir);
      unmountBelow(opened.run.dir);
      opened.run[Symbol.dispose]();
      opened = undefined;
    },
  };
  return {
    ...worker,
    async open() {
      const { run, snapshots } = await openAndSweep();
      return { ...worker, snapshots, run };
    },
    async warm() {
      const { run, snapshots, starters } = await openAndSweep();
      const { warmWorker } = await import('./warm/index.ts');
      return warmWorker({ store, snapshots, runDir: run.dir, runId: run.id, provisions, starters, ready });
    },
    async prepare() {
      const { run, starters } = await openAndSweep();
      memoryFolder(run.dir);
      await prepareRun(starters);
    },
    holdCommands(until) {
      ready = until;
    },
  };
}
