/** `cambium dev --clean` and `--reset`: ends the live builders of a build file. */
import { forgetWarmParts } from '../../store/warm.ts';
import type { BuildFlags } from '../build-flags.ts';
import { tell } from '../io.ts';
import { withStore } from '../open-store.ts';
import { openProjectOf } from '../project.ts';
import { requestOf } from '../run-build.ts';
import { plural } from '../text.ts';
import { liveOf } from './find.ts';

/** `reset`: the last good results stay, and the next rebuild starts from them. `clean`: they are forgotten, too. */
export async function endBuilders(flags: BuildFlags, how: 'reset' | 'clean'): Promise<void> {
  using project = await openProjectOf(flags, process.cwd());
  await withStore(flags.storeDir, async (store) => {
    const live = liveOf(store, project.path);
    const { endLive } = await import('../../workers/local/live/end.ts');
    await endLive(store, live);
    if (how === 'clean') {
      const { builderOf } = await import('../../frontends/project.ts');
      forgetWarmParts(store.db, builderOf(requestOf(flags, project, store)));
    }
    if (flags.quiet) return;
    const ended =
      live.length === 0 ? 'no live builder was there' : `${plural(live.length, 'live builder')} ended`;
    const next =
      how === 'reset'
        ? 'the next rebuild starts from the last good results'
        : 'last results are forgotten: the next rebuild starts from what clean builds gave';
    tell(`${ended}; ${next}\n`);
  });
}
