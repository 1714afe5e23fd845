/** Names of stages that a person gives, against those that the build file has. */
import { wrongUse } from '../kit/errors.ts';
import { didYouMean } from '../kit/suggest.ts';

/** `--no-cache-filter` of a stage that isn't there would do nothing, and look as if it did. */
export function checkFilter(file: string, names: readonly string[], asked: readonly string[] = []): void {
  const unknown = asked.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const known = `It has ${names.join(', ')}.`;
  throw wrongUse('missing-stage', `${file} has no stage \`${unknown}\`, which --no-cache-filter names.`, {
    hint: didYouMean(unknown, names, known) ?? known,
  });
}
