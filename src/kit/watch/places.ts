/** What is watched: files by name, and folders with all below them that their ignore patterns leave. */
import { compileIgnore, type IgnoreMatch, notIgnored } from '../ignore.ts';

export interface WatchPlace {
  /** Absolute host path of a folder, which need not be there. */
  path: string;
  /** Only these names in it, and nothing below; without them, all. */
  names?: readonly string[];
  /** Patterns in the syntax of .dockerignore, relative to `path`. */
  ignore?: readonly string[];
}

/** Whether an entry concerns a place, and whether something below it may. */
export interface Judgement {
  isHint: boolean;
  descend: boolean;
  /** For what is below. */
  match: IgnoreMatch;
}

/** Decides over entries of a place, folder by folder. */
export interface Judge {
  top: IgnoreMatch;
  /** `path`: of the entry, relative to the place; `above`: what holds for its folder. */
  judge(path: string, above: IgnoreMatch): Judgement;
}

/** Throws a `UserError` for a pattern that can't be read. */
export function judgeOf({ names, ignore }: WatchPlace): Judge {
  if (names !== undefined) {
    const wanted = new Set(names);
    return {
      top: notIgnored,
      judge: (path) => ({ isHint: wanted.has(path), descend: false, match: notIgnored }),
    };
  }
  const matcher = ignore?.length ? compileIgnore(ignore) : undefined;
  if (matcher === undefined)
    return { top: notIgnored, judge: () => ({ isHint: true, descend: true, match: notIgnored }) };
  return {
    top: notIgnored,
    judge(path, above) {
      const match = matcher.match(path, above);
      return { isHint: !match.ignored, descend: !match.ignored || matcher.hasExceptions, match };
    },
  };
}
