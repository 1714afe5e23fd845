/** Rules on FROM's variables: what they are with and without the build's arguments. */

import { nearest } from '../../../kit/suggest.ts';
import type { Platform } from '../../../plan/index.ts';
import { type Expansion, ExpansionError, expand } from '../language/expand.ts';
import { parsePlatform } from '../language/platform.ts';
import type { Dockerfile, FromInstruction } from '../language/types.ts';
import type { Checker } from './checker.ts';
import { canNameImage } from './reference.ts';

export interface FromFacts {
  /** Arguments that need no declaration before FROM: `TARGETPLATFORM`, `BUILDARCH`, … */
  predefined: Readonly<Record<string, string>>;
  /** `--build-arg`. */
  buildArgs: Readonly<Record<string, string>>;
  /** The machine's platform. */
  native: Platform;
}

/** Checks every FROM; gives each stage's base, expanded, or undefined where it can't be. */
export function checkFroms(
  checker: Checker,
  dockerfile: Dockerfile,
  facts: FromFacts,
): (string | undefined)[] {
  checkDefaults(checker, dockerfile, facts.predefined);
  const values = globalValues(dockerfile, facts.predefined, facts.buildArgs);
  if (values === undefined) return dockerfile.stages.map(() => undefined);
  const declared = new Set([...values.keys(), ...declaredNames(dockerfile)]);
  return dockerfile.stages.map(({ from }) => {
    const base = expandIn(dockerfile, from.base, values);
    if (base !== undefined) checkDeclared(checker, from, base.unset, declared);
    if (from.platform !== undefined) {
      const platform = expandIn(dockerfile, from.platform, values);
      if (platform !== undefined) {
        checkDeclared(checker, from, platform.unset, declared);
        checkPlatform(checker, from, platform, { ...facts, target: values.get('TARGETPLATFORM') });
      }
    }
    return base?.text;
  });
}

/** Values of the ARGs before the first FROM; undefined when one can't be expanded. */
function globalValues(
  dockerfile: Dockerfile,
  predefined: Readonly<Record<string, string>>,
  buildArgs: Readonly<Record<string, string>>,
): Map<string, string> | undefined {
  const values = new Map(Object.entries(predefined));
  for (const name of values.keys()) {
    if (Object.hasOwn(buildArgs, name)) values.set(name, buildArgs[name] as string);
  }
  for (const { args } of dockerfile.globalArgs) {
    for (const { name, value } of args) {
      if (Object.hasOwn(buildArgs, name)) values.set(name, buildArgs[name] as string);
      else if (value !== undefined) {
        const result = expandIn(dockerfile, value, values);
        if (result === undefined) return undefined;
        values.set(name, result.text);
      }
    }
  }
  return values;
}

function declaredNames({ globalArgs }: Dockerfile): string[] {
  return globalArgs.flatMap(({ args }) => args.map(({ name }) => name));
}

/** Words that can't be expanded are the planner's to complain about. */
function expandIn(
  dockerfile: Dockerfile,
  word: string,
  values: ReadonlyMap<string, string>,
): Expansion | undefined {
  try {
    return expand(word, { escape: dockerfile.escape, lookup: (name) => values.get(name) });
  } catch (error) {
    if (error instanceof ExpansionError) return undefined;
    throw error;
  }
}

/** InvalidDefaultArgInFrom: with no build argument given, each base is still a name. */
function checkDefaults(
  checker: Checker,
  dockerfile: Dockerfile,
  predefined: Readonly<Record<string, string>>,
): void {
  const values = globalValues(dockerfile, predefined, {});
  if (values === undefined) return;
  for (const { from } of dockerfile.stages) {
    const base = expandIn(dockerfile, from.base, values);
    if (base === undefined) return;
    if (canNameImage(base.text)) continue;
    const result = base.text === '' ? 'nothing' : base.text;
    const message = `FROM ${from.base} names no image when no build argument is given: it is ${result}.`;
    checker.report('InvalidDefaultArgInFrom', from, message);
  }
}

function checkDeclared(
  checker: Checker,
  from: FromInstruction,
  unset: ReadonlySet<string>,
  declared: ReadonlySet<string>,
): void {
  for (const name of unset) {
    if (declared.has(name)) continue;
    const similar = nearest(name, declared);
    const guess = similar === undefined ? '' : ` Did you mean $${similar}?`;
    checker.report('UndefinedArgInFrom', from, `No ARG before the first FROM declares $${name}.${guess}`);
  }
}

function checkPlatform(
  checker: Checker,
  from: FromInstruction,
  platform: Expansion,
  facts: FromFacts & { target: string | undefined },
): void {
  const written = from.platform as string;
  const isOnlyTarget =
    platform.used.size === 1 && platform.used.has('TARGETPLATFORM') && platform.unset.size === 0;
  if (isOnlyTarget && platform.text === facts.target) {
    const message = `--platform=${written} changes nothing: the target platform is what FROM takes.`;
    checker.report('RedundantTargetPlatform', from, message);
  }
  if (platform.used.size > 0 || platform.unset.size > 0) return;
  const constant = parsePlatform(platform.text, facts.native);
  if (constant === undefined) return;
  // A stage whose name says so means it.
  const name = from.name ?? '';
  if (name.includes(constant.os) || name.includes(constant.architecture)) return;
  const message = `--platform=${platform.text} is written out, so this stage is built for no other platform.`;
  checker.report('FromPlatformFlagConstDisallowed', from, message);
}
