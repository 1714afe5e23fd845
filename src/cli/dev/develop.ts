/** `cambium dev` as a whole: the session, and what reacts to its images, to keys and to signals. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findImage, shortName } from '../../images/index.ts';
import { ExitCode, wrongUse } from '../../kit/errors.ts';
import type { Store } from '../../store/store.ts';
import type { BuildFlags } from '../build-flags.ts';
import { tell } from '../io.ts';
import { liveOf } from '../live/find.ts';
import { withStore } from '../open-store.ts';
import { openProjectOf } from '../project.ts';
import { storeFlagOf } from '../report.ts';
import { chosenPorts } from '../run/ports.ts';
import { checkResultFile, requestOf, writeResultFiles } from '../run-build.ts';
import { listenForInterrupts } from '../signals.ts';
import type { DevFlags } from './flags.ts';
import { runHook } from './hook.ts';
import { verifyWhenIdle } from './idle.ts';
import { type Keys, listenToKeys } from './keys.ts';
import { type DevScreen, openScreen } from './screen.ts';
import { openService, type Service } from './service.ts';
import { startSession } from './session.ts';
import type { Session } from './session-types.ts';

/** Runs until a person ends it. Sets the exit code: 0 after `q`, 130 after Ctrl-C or a signal. */
export async function develop(flags: BuildFlags, wish: DevFlags): Promise<void> {
  if (flags.where === '-')
    throw wrongUse('bad-file', 'Standard input can not be watched: name a folder or a file.');
  if (flags.dockerfile.call !== 'build')
    throw wrongUse('bad-flags', '--call answers once: it is for `cambium build`.');
  checkResultFile('--iidfile', flags.iidFile);
  checkResultFile('--metadata-file', flags.metadataFile);
  using project = await openProjectOf(flags, process.cwd());
  if (project.dockerfile?.context.type === 'source')
    throw wrongUse('bad-context', 'A context that has to be fetched can not be watched.', {
      hint: 'Build it once: cambium build',
    });
  await withStore(flags.storeDir, async (store) => {
    const screen = openScreen(flags.quiet ? 'none' : flags.progress, process.cwd());
    const end = new AbortController();
    const interruption = listenForInterrupts(() => end.abort());
    let isQuit = false;
    const quit = () => {
      isQuit = true;
      end.abort();
    };
    interruption.signal.addEventListener('abort', () => end.abort());
    let service: Service | undefined;
    let keys: Keys | undefined;
    try {
      if (wish.service) {
        service = await openService(store, wish.service, screen.onEvent);
        for (const line of chosenPorts(wish.service.flags.ports, service.ports)) screen.tell(`${line}\n`);
      }
      const react = reactions(store, screen, wish, service, end.signal);
      const session = startSession({
        // Who sends each edit somewhere wants it there as it is.
        build: requestOf({ ...flags, allowWarm: true }, project, store),
        screen,
        storeFlag: storeFlagOf(flags),
        onImage: (image, result) => {
          writeResultFiles(flags, result.digest ?? '', image);
          react(image, result.digest, flags.tags);
          screen.setStatus(statusOf(flags, result.state));
        },
        ignored: ownPaths(flags, store),
        signal: end.signal,
      });
      using _idle = wish.verify && verifyWhenIdle(session, wish.verify);
      if (screen.isLive)
        keys = listenToKeys(
          (key) => void onKey(key, { session, screen, flags, keys, quit }),
          () => end.abort(),
        );
      await session.ended;
    } finally {
      keys?.[Symbol.dispose]();
      await service?.[Symbol.asyncDispose]();
      screen.close();
      interruption.release();
    }
    if (flags.live && !flags.quiet && liveOf(store, project.path).length > 0)
      tell('the live builder goes on: to end it, cambium dev --clean\n');
    process.exitCode = isQuit ? ExitCode.done : ExitCode.interrupted;
  });
}

/** What this process writes itself: a build because of it would have no end. */
function ownPaths({ outputs, iidFile, metadataFile }: BuildFlags, store: Store): string[] {
  const paths = [store.dir, iidFile, metadataFile, ...outputs.map(({ dest }) => dest)];
  return paths.flatMap((path) => (path === undefined || path === '-' ? [] : [path.replace(/\/+$/, '')]));
}

function statusOf({ tags }: BuildFlags, state: string): string {
  return ['waiting for edits', ...tags.map(shortName), state].join(' · ');
}

/** What follows each new image: the service, then the hook. A newer image ends what an older one began. */
function reactions(
  store: Store,
  screen: DevScreen,
  { hook }: DevFlags,
  service: Service | undefined,
  signal: AbortSignal,
) {
  let own = new AbortController();
  return (image: string, digest: string | undefined, tags: readonly string[]) => {
    own.abort();
    own = new AbortController();
    if (findImage(store.db, image) === undefined) return;
    void service?.replace(image);
    if (hook === undefined) return;
    const variables = {
      CAMBIUM_IMAGE: tags[0] ?? image,
      CAMBIUM_IMAGE_ID: image,
      CAMBIUM_STORE: store.dir,
      ...(digest !== undefined && { CAMBIUM_DIGEST: digest }),
    };
    void runHook(hook, variables, AbortSignal.any([own.signal, signal]), screen.onEvent);
  };
}

interface KeyContext {
  session: Session;
  screen: DevScreen;
  flags: BuildFlags;
  keys: Keys | undefined;
  quit: () => void;
}

async function onKey(key: string, { session, screen, flags, keys, quit }: KeyContext): Promise<void> {
  if (key === 'q') quit();
  else if (key === 'r') session.ask('rebuild');
  else if (key === 'c') session.ask('build');
  else if (key === 'v') session.ask('verify');
  else if (key === 'l') screen.showLog();
  else if (key === 's') {
    const image = session.last()?.imageId;
    const what = session.hasFailed() ? ['--failed'] : image === undefined ? undefined : [image];
    if (what === undefined) return;
    keys?.pause();
    screen.pause();
    await openShell(what, flags.storeDir);
    screen.resume();
    keys?.resume();
  }
}

/** `cambium shell`, on this terminal. */
async function openShell(what: readonly string[], storeDir: string | undefined): Promise<void> {
  const store = storeDir === undefined ? [] : ['--store', storeDir];
  const program = process.argv[1] as string;
  const child = spawn(process.execPath, [program, 'shell', ...store, ...what], { stdio: 'inherit' });
  await once(child, 'close').catch(() => {});
}
