/** Live builders, as people name them. */
import { dirname, resolve } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import { type LiveBuilder, liveBuilders } from '../../store/live.ts';
import type { Store } from '../../store/store.ts';

/** Those of a build file, the one that was used last first. */
export function liveOf(store: Store, buildFile: string): LiveBuilder[] {
  return liveBuilders(store).filter((live) => live.buildFile === buildFile);
}

/**
 * The one that `words` begin with by its stage, its build file or that one's folder, and the words after that; without a name, the
 * one that was used last, of the build files in `cwd` if there are any. Throws `no-live-builder`.
 */
export function pickLive(
  store: Store,
  words: readonly string[],
  cwd: string,
): { live: LiveBuilder; argv: readonly string[] } {
  const all = liveBuilders(store);
  const [name] = words;
  const isNamed = ({ stage, buildFile }: LiveBuilder, text: string) =>
    stage === text || [buildFile, dirname(buildFile)].includes(resolve(cwd, text));
  const named = name === undefined || name === '--' ? [] : all.filter((live) => isNamed(live, name));
  const here = all.filter(({ buildFile }) => dirname(buildFile) === cwd);
  const [live] = [...named, ...here, ...all];
  if (live === undefined) {
    throw wrongUse('no-live-builder', 'No live builder is there.', {
      hint: 'It begins with the first step that runs again: cambium dev --live',
    });
  }
  const argv = named.length > 0 ? words.slice(1) : words;
  return { live, argv: argv[0] === '--' ? argv.slice(1) : argv };
}
