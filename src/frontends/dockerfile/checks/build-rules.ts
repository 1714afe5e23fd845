/** Rules that need what only the planner knows: values of variables, base images, the ignore file. */
import { posix } from 'node:path';
import { compileIgnore, notIgnored } from '../../../kit/ignore.ts';
import { nearest } from '../../../kit/suggest.ts';
import type { Platform } from '../../../plan/index.ts';
import { formatPlatform, normalPlatform } from '../language/platform.ts';
import type { FromInstruction, StageInstruction } from '../language/types.ts';
import type { Checker } from './checker.ts';

/** Arguments that are for the builder itself. */
const builderArgs = ['BUILDKIT_SBOM_SCAN_CONTEXT', 'BUILDKIT_SBOM_SCAN_STAGE'];

/**
 * UndefinedVar: `unset` is what expansion of the instruction met without a value, `declared` the stage's ARGs, those of
 * its base stages included, with a value or without, `known` all that is set there.
 */
export function checkUndefined(
  checker: Checker,
  instruction: StageInstruction,
  unset: Iterable<string>,
  { declared, known }: { declared: ReadonlySet<string>; known: Iterable<string> },
): void {
  const names = [...known];
  for (const name of unset) {
    if (declared.has(name) || builderArgs.includes(name)) continue;
    const similar = nearest(name, names);
    const guess = similar === undefined ? '' : ` Did you mean $${similar}?`;
    checker.report('UndefinedVar', instruction, `$${name} is used and not defined.${guess}`);
  }
}

/** InvalidBaseImagePlatform. */
export function checkBasePlatform(
  checker: Checker,
  from: FromInstruction,
  platforms: { image: string; expected: Platform; actual: Platform },
): void {
  const [expected, actual] = [normalPlatform(platforms.expected), normalPlatform(platforms.actual)];
  if (expected.os === actual.os && expected.architecture === actual.architecture) return;
  const message = `The base image ${platforms.image} is for ${formatPlatform(actual)}, and this build is for ${formatPlatform(expected)}.`;
  checker.report('InvalidBaseImagePlatform', from, message);
}

/** CopyIgnoredFile: `sources` are expanded paths of the context (no URLs, no heredocs), `patterns` the ignore file's. */
export function checkIgnored(
  checker: Checker,
  instruction: StageInstruction,
  sources: readonly string[],
  patterns: readonly string[],
): void {
  if (patterns.length === 0) return;
  const matcher = compileIgnore(patterns);
  // What is below an ignored folder may be taken back: that can't be told from the name.
  if (matcher.hasExceptions) return;
  const isAllIgnored = patterns.some((pattern) => ['*', '**', '**/*'].includes(pattern.trim()));
  for (const source of sources) {
    const path = cleaned(source);
    const isRoot = path === '.' || path === '/';
    if (isRoot ? !isAllIgnored : !matcher.match(path, notIgnored).ignored) continue;
    const message = `${instruction.keyword} names ${path}, which the ignore file leaves out.`;
    checker.report('CopyIgnoredFile', instruction, message);
  }
}

function cleaned(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}
