/** What `cambium verify` found, for people: each step that drifted, with the paths that differ. */
import type { VerifyResult } from '../frontends/verify.ts';
import type { Colors } from './io.ts';
import { titleBeside } from './text.ts';

type Verdict = Extract<VerifyResult, { outcome: 'done' }>;
type Changes = Verdict['drifts'];

/** Paths of one step that are shown. */
const shownPaths = 20;

export function formatVerdict({ drifts, unsteady }: Verdict, colors: Colors): string {
  const lines = [
    ...unsteady.flatMap((one) => [
      `${colors.dim('·')} ${nameOf(one)}: two clean builds differ here too`,
      ...pathsOf(one, colors),
    ]),
    ...drifts.flatMap((one) => [
      `${colors.red('≠')} ${nameOf(one)}: not what a clean build gives`,
      ...pathsOf(one, colors),
    ]),
  ];
  if (drifts.length === 0)
    lines.push(`${colors.green(colors.bold('verified'))}: the warm image is what a clean build gives`);
  else {
    lines.push(`${colors.red(colors.bold('drifted'))}: the clean image is in place`);
    lines.push(
      `${colors.cyan('hint:')} From now on ${drifts.length === 1 ? 'this step runs' : 'these steps run'} from a clean base.`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function nameOf({ step: { stage, title } }: Changes[number]): string {
  return [stage, titleBeside(stage, title)].filter((text) => text !== '').join(' ');
}

const marks = { added: '+', removed: '-', replaced: '~', content: '~', metadata: '~' } as const;

/** From the clean image to the warm one. */
function pathsOf({ changes }: Changes[number], { dim }: Colors): string[] {
  const lines = changes
    .slice(0, shownPaths)
    .map(
      ({ path, kind }) =>
        `  ${marks[kind]} /${path}${kind === 'content' || kind === 'metadata' ? ` ${dim(kind)}` : ''}`,
    );
  if (changes.length > shownPaths) lines.push(dim(`  and ${changes.length - shownPaths} more`));
  return lines;
}
