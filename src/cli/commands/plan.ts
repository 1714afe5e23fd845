/** `cambium plan`: the steps of a build, whether each would run, and why. Runs none of them. */
import { Command } from 'commander';
import { addPlanFlags, type RawFlags, readPlanFlags } from '../build-flags.ts';
import { addExamples } from '../help.ts';
import { colorsFor, print, standardOutput } from '../io.ts';
import { withStore } from '../open-store.ts';
import { openProjectOf } from '../project.ts';
import { formatCompute } from '../stats.ts';
import { formatTable, titleBeside } from '../text.ts';
import { holdVolumes } from '../volume-places.ts';

export function define(): Command {
  const command = new Command('plan')
    .description('show the steps, their keys, hit or miss, and why; run nothing')
    .argument('[path]', 'a folder with a build file, a .spec, or a .ts (default: this folder)')
    .option('--json', 'print the plan and its report as JSON', false);
  addPlanFlags(command).action(showPlan);
  return addExamples(command, [
    ['cambium plan', 'what would run, and after three runs what each command needs'],
    ['cambium plan hello.spec --json', 'the whole plan, for programs'],
  ]);
}

async function showPlan(where: string | undefined, raw: RawFlags & { json: boolean }): Promise<void> {
  using held = await holdVolumes(readPlanFlags(where, raw, process.cwd()));
  const { flags } = held;
  using project = await openProjectOf(flags, process.cwd());
  const { path, dockerfile } = project;
  await withStore(flags.storeDir, async (store) => {
    const { planReport } = await import('../../frontends/project.ts');
    const { where: _where, file: _file, storeDir: _storeDir, dockerfile: _dockerfile, ...rest } = flags;
    const { plan, rows } = await planReport({ store, path, ...rest, ...(dockerfile && { dockerfile }) });
    if (raw.json) {
      print(`${JSON.stringify({ plan, steps: rows }, undefined, 2)}\n`);
      return;
    }
    const { green, yellow, dim } = colorsFor(standardOutput);
    const shown = rows.filter(isShown);
    const hasNeeds = shown.some(({ needs }) => needs !== undefined);
    const paint = { hit: green, miss: yellow, unknown: dim };
    print(
      formatTable([
        ['STAGE', 'STEP', 'KEY', 'STATE', ...(hasNeeds ? ['NEEDS'] : []), 'WHY'],
        ...shown.map(({ stage, title, key, state, reason, needs, cleanOnly }) => [
          stage,
          titleBeside(stage, title),
          key?.slice(0, 12) ?? '-',
          paint[state](state),
          ...(hasNeeds ? [needs === undefined ? '-' : formatCompute(needs)] : []),
          cleanOnly === undefined ? reason : `${reason}; clean-only: ${cleanOnly}`,
        ]),
      ]),
    );
  });
}

/** Steps that only carry inputs are of interest when they would run. */
function isShown({ internal, state }: { internal: boolean; state: string }): boolean {
  return !internal || state !== 'hit';
}
