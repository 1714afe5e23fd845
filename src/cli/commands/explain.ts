/** `cambium explain STEP`: why a step ran in the last build: which input changed, from what to what. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { ExplainResult } from '../../build/index.ts';
import { shownName } from '../../kit/names.ts';
import { storeOption } from '../build-flags.ts';
import { shortPath } from '../errors.ts';
import { addExamples } from '../help.ts';
import { colorsFor, print, standardOutput } from '../io.ts';
import { withStore } from '../open-store.ts';
import { formatAge, formatDuration } from '../text.ts';

/** Files that are shown of one input. */
const shownFiles = 20;

export function define(): Command {
  const command = new Command('explain')
    .description('why a step ran in the last build: which input changed, from what to what')
    .argument('<step>', "a stage's name, or a step's as `cambium plan` shows it")
    .option('--json', 'print it as JSON', false)
    .addOption(storeOption())
    .action(async (step: string, options: { json: boolean; store?: string }) => {
      await withStore(options.store === undefined ? undefined : resolve(options.store), async (store) => {
        const { explain } = await import('../../build/index.ts');
        const result = explain(store, step);
        if (options.json) print(`${JSON.stringify(result, undefined, 2)}\n`);
        else show(result);
      });
    });
  return addExamples(command, [['cambium explain packages', 'why the stage `packages` ran']]);
}

function show({ step, build, reason, changes }: ExplainResult): void {
  const { bold, dim } = colorsFor(standardOutput);
  const took = step.durationMs === undefined ? '' : `, in ${formatDuration(step.durationMs)}`;
  const why =
    step.state === 'reused' ? 'nothing that it depends on has changed' : (reason ?? 'no reason was noted');
  print(`${bold(step.stage)} ${dim(step.title)}: ${step.state}${took}: ${why}\n`);
  const { file = build.buildFile, line } = step.location ?? {};
  const place = shownName(shortPath(file)) + (line === undefined ? '' : `:${line}`);
  const since = build.isLast ? '' : '; no build since then has such a step';
  print(dim(`  ${place}, built ${formatAge(Date.now() - build.startedMs)}${since}\n`));
  for (const { name, stage, before, after, files } of changes) {
    print(`\n  ${bold(shownName(name))}${stage === undefined ? '' : `: ${stage}`}\n`);
    if (files && files.length > 0) {
      for (const file of files.slice(0, shownFiles)) {
        print(`    ${shownName(file.path)}\n`);
        showChange('      ', file.before, file.after);
      }
      if (files.length > shownFiles)
        print(`    and ${files.length - shownFiles} more: see them with --json\n`);
    } else {
      showChange('    ', before, after);
    }
  }
}

function showChange(indent: string, before: string | undefined, after: string | undefined): void {
  const { red, green } = colorsFor(standardOutput);
  const shown = (value = 'absent') => shownName(value);
  print(`${indent}${red('-')} ${shown(before)}\n${indent}${green('+')} ${shown(after)}\n`);
}
