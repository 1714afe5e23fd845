/** Which steps can run in a container that stays. */
import type { RunOp } from '../../../plan/index.ts';
import { whyNoResidents } from '../runtimes/index.ts';

const why: Partial<Record<RunOp['mounts'][number]['type'], string>> = {
  // What they show is another thing in each rebuild; secrets are for one run only.
  step: 'it mounts another step',
  secret: 'it has secrets',
  ssh: 'it has an SSH agent',
  volume: 'it mounts a volume',
};

/** Why a step can't, in words for people; undefined when it can. */
export function whyNotLive(op: RunOp): string | undefined {
  const missing = whyNoResidents();
  if (missing !== undefined) return missing;
  if (op.root.type === 'builder') return 'it runs outside of the image';
  if (op.network === 'nat') return 'it has a network of its own (nat)';
  if (op.platform !== undefined) return 'it is for another platform';
  return op.mounts.map(({ type }) => why[type]).find((reason) => reason !== undefined);
}
