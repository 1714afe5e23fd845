/** Gathers findings: those of rules that hold, each once. */
import { type UserError, wrongUse } from '../../../kit/errors.ts';
import type { CheckWarning, Location } from '../language/types.ts';
import { type CheckOptions, withComments } from './options.ts';
import { pageOf, type Rule, type RuleName, rules } from './rules.ts';

/** What a finding is about: its place, and the comments that may silence it. */
export interface Subject {
  location: Location;
  comments?: readonly string[];
}

export interface Checker {
  report(rule: RuleName, at: Subject, message: string): void;
  /** In the order of the file. */
  warnings(): readonly CheckWarning[];
  /** The error to fail with when `error=true` was asked for and there are warnings. */
  failure(): UserError | undefined;
}

export function createChecker(options: CheckOptions): Checker {
  const found = new Map<string, CheckWarning>();
  const sorted = () => [...found.values()].sort((a, b) => a.location.line - b.location.line);
  return {
    report(rule, { location, comments }, message) {
      if (!holds(rule, withComments(options, comments ?? []))) return;
      const key = `${rule} ${location.line} ${message}`;
      const url = pageOf(rule);
      if (!found.has(key)) found.set(key, { rule, message, location, ...(url === undefined ? {} : { url }) });
    },
    warnings: sorted,
    failure() {
      const [first] = sorted();
      if (!options.error || first === undefined) return undefined;
      const names = [...new Set([...found.values()].map(({ rule }) => rule))].join(', ');
      return wrongUse('check-failed', `Checks found something, and are to fail the build: ${names}.`, {
        location: first.location,
        hint: first.message,
      });
    },
  };
}

function holds(name: RuleName, options: CheckOptions): boolean {
  const rule: Rule = rules[name];
  if (rule.experimental) return options.experimentalAll || options.experimental.has(name);
  return !options.skipAll && !options.skip.has(name);
}
