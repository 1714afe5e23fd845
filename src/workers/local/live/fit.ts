/** Which steps can run in a container that stays. */
import { arch } from 'node:process';
import type { RunOp } from '../../../plan/index.ts';
import { hasResidents } from '../runtimes/index.ts';

const why: Partial<Record<RunOp['mounts'][number]['type'], string>> = {
  // What they show is another thing in each rebuild; secrets are for one run only.
  step: 'it mounts another step',
  secret: 'it has secrets',
  ssh: 'it has an SSH agent',
  volume: 'it mounts a volume',
};

/** Why a step can't, in words for people; undefined when it can. */
export function whyNotLive(op: RunOp): string | undefined {
  if (!hasResidents()) return `machines of the kind ${arch} have no live builders`;
  if (op.root.type === 'builder') return 'it runs outside of the image';
  if (op.network === 'nat') return 'it has a network of its own (nat)';
  if (op.platform !== undefined) return 'it is for another platform';
  return op.mounts.map(({ type }) => why[type]).find((reason) => reason !== undefined);
}
