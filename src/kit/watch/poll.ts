/** Watches places by looking at the metadata of all entries again and again: where the kernel gives no more watches. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import type { IgnoreMatch } from '../ignore.ts';
import { decodeName, fsPath } from '../names.ts';
import { joinPath } from '../walk.ts';
import { judgeOf, type WatchPlace } from './places.ts';

const shortestMs = 1000;
/** Of all time, so much of it at most goes into looking. */
const share = 20;

/** Calls `onHint` with a place's path when something in it changed. */
export function pollPlaces(places: readonly WatchPlace[], onHint: (path: string) => void): Disposable {
  let last = places.map(signatureOf);
  let timer: NodeJS.Timeout;
  const look = () => {
    const startedMs = performance.now();
    const now = places.map(signatureOf);
    for (const [at, { path }] of places.entries()) if (now[at] !== last[at]) onHint(path);
    last = now;
    timer = setTimeout(look, Math.max(shortestMs, (performance.now() - startedMs) * share));
  };
  timer = setTimeout(look, shortestMs);
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Changes when an entry comes, goes, or gets other metadata. */
function signatureOf(place: WatchPlace): string {
  const hasher = createHash('sha256');
  const { top, judge } = judgeOf(place);
  const walk = (path: string, above: IgnoreMatch) => {
    const host = path === '' ? place.path : joinPath(place.path, path);
    for (const name of namesIn(host)) {
      const child = joinPath(path, name);
      const judged = judge(child, above);
      if (!judged.isHint && !judged.descend) continue;
      const stats = lstatSync(fsPath(joinPath(place.path, child)), { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      const isFolder = stats.isDirectory();
      // A folder's own times change with entries that are ignored.
      const own = isFolder ? '' : `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
      if (judged.isHint) hasher.update(`${child}\0${stats.ino} ${stats.mode} ${own}\0`);
      if (isFolder && judged.descend) walk(child, judged.match);
    }
  };
  walk('', top);
  return hasher.digest('hex');
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(fsPath(path), { encoding: 'buffer' }).map(decodeName).sort();
  } catch {
    return [];
  }
}
