/** Which of some words come nearest to one: the distances are counted by the native module. */
import { createRequire } from 'node:module';

const { distance } = createRequire(import.meta.url)('../build/Release/nearest.node');

/** The `count` words nearest to `word`, nearest first; equally near ones in their own order. */
export function nearest(word, words, count = 3) {
  return words
    .map((candidate) => ({ word: candidate, distance: distance(word, candidate) }))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, count);
}
