/** A run as the parts that the warm lane runs, each with a last result of its own. */

import { canonicalJson, sha256 } from '../../kit/digest.ts';
import type { RunOp, Step } from '../../plan/index.ts';
import { stepOfMount } from '../facts.ts';
import { scriptOf, splitCommand } from './split.ts';

export interface RunPart {
  step: Step & { op: RunOp };
  /** Digest of all that it does, without what it does it on. */
  definition: string;
}

/** `whole`: in one part, whatever the command is. */
export function partsOf(step: Step & { op: RunOp }, whole: boolean): RunPart[] {
  const { op } = step;
  const script = op.argv.at(-1) ?? '';
  const isShell = op.argv.length > 2 && /^-[a-z]*c$/.test(op.argv.at(-2) ?? '');
  // A tmpfs, or writes to a mount that are thrown away, last as long as one run.
  const hasShortState = op.mounts.some(
    (mount) => mount.type === 'tmpfs' || (mount.type === 'step' && mount.writable === true),
  );
  if (whole || !isShell || hasShortState || step.warm?.argv !== undefined) return [partOf(step, op)];
  return splitCommand(script).map((part) =>
    partOf(step, { ...op, argv: [...op.argv.slice(0, -1), scriptOf(part)] }),
  );
}

function partOf(step: Step, op: RunOp): RunPart {
  return { step: { ...step, op }, definition: definitionOf(op) };
}

/** Digest of what a command is, without what it is run on. */
export function definitionOf(op: RunOp): string {
  const { hiddenEnv: _hidden, timeoutMs: _timeout, ...rest } = op;
  const mounts = op.mounts.map((mount) =>
    stepOfMount(mount) === undefined ? mount : { ...mount, step: '', from: null },
  );
  return sha256(canonicalJson({ ...rest, mounts }));
}
