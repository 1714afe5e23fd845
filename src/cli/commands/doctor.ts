/** `cambium doctor`: what this machine can do, what is missing, and how to mend it; `--repair` mends the store. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { ExitCode } from '../../kit/errors.ts';
import { storeOption } from '../build-flags.ts';
import type { Finding } from '../doctor/finding.ts';
import { addExamples } from '../help.ts';
import { colorsFor, print, standardOutput } from '../io.ts';
import { withStore } from '../open-store.ts';
import { plural } from '../text.ts';

export function define(): Command {
  const command = new Command('doctor')
    .description('what this machine can do, what is missing, and how to mend it')
    .option('--repair', 'check the store, and mend what is wrong with it', false)
    .option('--json', 'print the findings as JSON', false)
    .addOption(storeOption())
    .action(async (options: { repair: boolean; json: boolean; store?: string }) => {
      const storeDir = options.store === undefined ? undefined : resolve(options.store);
      if (options.repair) await repair(storeDir, options.json);
      else await examine(storeDir, options.json);
    });
  return addExamples(command, [
    ['cambium doctor', 'look at this machine'],
    ['cambium doctor --repair', 'find and remove what a crash left behind, and check all blobs'],
  ]);
}

/** Exit code 3 when a build can't run here. */
async function examine(storeDir: string | undefined, asJson: boolean): Promise<void> {
  const { defaultStoreDir } = await import('../../store/store.ts');
  const findings = await allFindings(storeDir ?? defaultStoreDir());
  if (asJson) print(`${JSON.stringify(findings, undefined, 2)}\n`);
  else showFindings(findings);
  if (findings.some(({ state }) => state === 'missing')) process.exitCode = ExitCode.outside;
}

async function allFindings(storeDir: string): Promise<Finding[]> {
  const machine = await import('../doctor/machine.ts');
  const { checkLive } = await import('../doctor/live.ts');
  const { checkEmulators, checkPrograms } = await import('../doctor/programs.ts');
  const { checkRuntimes } = await import('../doctor/runtimes.ts');
  return [
    machine.checkNode(),
    machine.checkRights(),
    machine.checkOverlay(),
    machine.checkBtrfs(storeDir),
    ...(await checkRuntimes()),
    machine.checkCgroups(),
    machine.checkBudget(),
    ...checkPrograms(),
    checkEmulators(),
    machine.checkDisk(storeDir),
    ...(await checkLive(storeDir)),
  ];
}

function showFindings(findings: readonly Finding[]): void {
  const colors = colorsFor(standardOutput);
  const symbols = { ok: colors.green('✔'), limited: colors.yellow('!'), missing: colors.red('✖') };
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, state, detail, mend } of findings) {
    print(`${symbols[state]} ${name.padEnd(width)}  ${detail}\n`);
    if (mend !== undefined) print(`  ${' '.repeat(width)}  ${colors.cyan('mend:')} ${mend}\n`);
  }
  const missing = findings.filter(({ state }) => state === 'missing').length;
  const limited = findings.filter(({ state }) => state === 'limited').length;
  const verdict = missing > 0 ? 'Builds do not run here yet' : 'Builds run here';
  const rest = [missing > 0 ? `${missing} missing` : '', limited > 0 ? `${limited} limited` : ''].filter(
    Boolean,
  );
  print(`\n${colors.bold(verdict)}${rest.length > 0 ? `: ${rest.join(', ')}` : ''}.\n`);
}

/** Exit code 3 when something is wrong that could not be mended. */
async function repair(storeDir: string | undefined, asJson: boolean): Promise<void> {
  const { repairStore } = await import('../../workers/local/repair.ts');
  const findings = await withStore(storeDir, (store) => repairStore(store));
  if (findings.some(({ mended }) => !mended)) process.exitCode = ExitCode.outside;
  if (asJson) {
    print(`${JSON.stringify(findings, undefined, 2)}\n`);
    return;
  }
  const colors = colorsFor(standardOutput);
  for (const { what, mended } of findings) {
    print(`${mended ? colors.green('mended') : colors.red('not mended')}  ${what}\n`);
  }
  print(findings.length === 0 ? 'The store is sound.\n' : `${plural(findings.length, 'finding')}.\n`);
}
