/** `cambium shell`: a shell in a step's snapshot, in an image, or in a failed step as it stood. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { wrongUse } from '../../kit/errors.ts';
import type { Store } from '../../store/store.ts';
import type { LocalWorker } from '../../workers/local/index.ts';
import type { ShellPlace } from '../../workers/local/shell.ts';
import { runAttached } from '../attached-run.ts';
import { storeOption } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { withStore } from '../open-store.ts';

interface ShellOptions {
  failed: boolean;
  live: boolean;
  store?: string;
}

export function define(): Command {
  const command = new Command('shell')
    .description("a shell in any step's snapshot; what is changed there is thrown away")
    .argument('[step]', "a stage's or step's name, or an image")
    .argument('[command...]', 'what to run instead of a shell')
    .option('--live', 'in a live builder, beside what runs there: see cambium dev --live', false)
    .option('--failed', 'in the last failed step, as it stood', false)
    .addOption(storeOption())
    .passThroughOptions()
    .action(async (name: string | undefined, argv: string[], options: ShellOptions) => {
      // With --failed no name is needed: what comes first is the command then.
      const words = name === undefined ? [] : [name, ...argv];
      const [target, command] = options.failed
        ? [undefined, words]
        : [words[0], withoutDashes(words.slice(1))];
      const storeDir = options.store === undefined ? undefined : resolve(options.store);
      if (options.live) {
        const { openInLive } = await import('../live/shell.ts');
        await withStore(storeDir, (store) => openInLive(store, words));
        return;
      }
      await withStore(storeDir, (store) => openIn(store, target, command));
    });
  return addExamples(command, [
    ['cambium shell --failed', 'look around where the last build failed'],
    ['cambium shell --live', 'beside the daemons that a rebuild left running'],
    ['cambium shell packages', 'in the result of the stage `packages`'],
    ['cambium shell hello:latest cat /etc/passwd', 'one command in an image'],
  ]);
}

/** `shell NAME -- CMD` is as `shell NAME CMD`. */
function withoutDashes(words: readonly string[]): readonly string[] {
  return words[0] === '--' ? words.slice(1) : words;
}

async function openIn(store: Store, target: string | undefined, argv: readonly string[]): Promise<void> {
  const { openShell } = await import('../../workers/local/index.ts');
  await runAttached(store, argv, async (worker, attached) =>
    openShell(store, worker, await findPlace(store, worker, target), argv, attached),
  );
}

async function findPlace(store: Store, worker: LocalWorker, target: string | undefined): Promise<ShellPlace> {
  const { listBuilds, stepsOf } = await import('../../store/builds.ts');
  if (target === undefined) {
    for (const build of listBuilds(store)) {
      const failed = stepsOf(store, build.id).find(({ workspace }) => workspace != null);
      if (failed?.workspace != null) return { type: 'kept', name: failed.workspace };
    }
    throw wrongUse('no-failed-step', 'No failed step is kept in this store.', {
      hint: 'To open a shell elsewhere: cambium shell STEP, or cambium shell IMAGE',
    });
  }
  const { findImage } = await import('../../images/tags.ts');
  const image = findImage(store.db, target);
  if (image) {
    const { snapshot, root, config, platform } = image;
    return { type: 'snapshot', snapshot, root, config, platform };
  }

  for (const build of listBuilds(store)) {
    const named = stepsOf(store, build.id).filter(
      (step) =>
        step.step === target || step.stage === target || (target.length >= 6 && step.key?.startsWith(target)),
    );
    const snapshot = (named.find(({ internal }) => !internal) ?? named[0])?.snapshot;
    if (snapshot) return { type: 'snapshot', snapshot, root: await rootOf(worker, snapshot) };
  }
  throw wrongUse('unknown-step', `Neither a step of a build nor an image has the name ${target}.`, {
    hint: '`cambium plan` lists steps, `cambium image ls` images.',
  });
}

/** Where the image is in a snapshot: stages of a spec make it below /chroot. */
async function rootOf(
  worker: LocalWorker,
  snapshot: NonNullable<Parameters<LocalWorker['lease']>[0]>,
): Promise<string> {
  const { lstatIfAny } = await import('../../kit/walk.ts');
  return worker.snapshots.view(snapshot, async (root) => {
    const has = (path: string) => lstatIfAny(`${root}/${path}`) !== undefined;
    return !has('bin') && !has('usr/bin') && has('chroot') ? '/chroot' : '/';
  });
}
