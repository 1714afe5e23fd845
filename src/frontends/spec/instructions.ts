/** The words of a spec besides `stage`: `image`, `base`, `builder`, `extra_input`, `compute`, `warm`. */
import type { SourceLocation } from '../../kit/errors.ts';
import type { ImageConfig, Source } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import { readCompute } from '../compute.ts';
import { configureImage } from '../image-config.ts';
import { parseSource } from '../sources.ts';
import { checkInput } from '../stages/inputs.ts';
import type { Instruction } from '../stages/result.ts';
import { readWarmth } from '../warmth.ts';
import type { StageWish } from './stages.ts';

export interface Instructions {
  base: { source: Source; location: SourceLocation } | undefined;
  builder: { source: Source; location: SourceLocation } | undefined;
  /** Paths of the tree that stages see which are called after the `after`th instruction. */
  extraInputs: readonly { path: string; after: number }[];
  /** What is said of the stage that is called next. */
  wishes: readonly StageWish[];
}

/** Reads the instructions in their order; image instructions change `config`. */
export function applyInstructions(
  instructions: readonly Instruction[],
  tree: string,
  config: ImageConfig,
  complaints: Complaint[],
): Instructions {
  const found: { base: Instructions['base']; builder: Instructions['builder'] } = {
    base: undefined,
    builder: undefined,
  };
  const extraInputs: { path: string; after: number }[] = [];
  const wishes: StageWish[] = [];
  for (const [index, { word, args, location }] of instructions.entries()) {
    if (word === 'image') {
      const wrong = configureImage(config, args);
      if (wrong !== undefined) complaints.push({ code: 'bad-image-word', ...wrong, location });
      continue;
    }
    if (word === 'compute') {
      const read = readCompute(args.map(pairOf));
      if ('wrong' in read)
        complaints.push({
          code: 'bad-compute',
          message: read.wrong,
          ...(read.hint && { hint: read.hint }),
          location,
        });
      else wishes.push({ word, compute: read.compute, after: index, location });
      continue;
    }
    const [value] = args;
    if (value === undefined || args.length !== 1 || value === '') {
      complaints.push({ code: 'bad-arguments', message: `\`${word}\` needs one value.`, location });
    } else if (word === 'warm') {
      wishes.push({ word, warm: readWarmth(value), after: index, location });
    } else if (word === 'extra_input') {
      const input = checkInput(tree, value, location);
      if ('complaint' in input) complaints.push(input.complaint);
      else extraInputs.push({ path: input.path, after: index });
    } else if (found[word] !== undefined) {
      complaints.push({ code: 'said-twice', message: `\`${word}\` is said twice.`, location });
    } else {
      const parsed = parseSource(value, tree, location);
      if ('complaint' in parsed) complaints.push(parsed.complaint);
      else found[word] = { source: parsed.source, location };
    }
  }
  return { ...found, extraInputs, wishes };
}

function pairOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
