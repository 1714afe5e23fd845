/**
 * `npm run bench`: measures Cambium beside its peers, and writes bench/results/latest.json and latest.svg.
 *
 *   npm run bench -- [--only REGEX] [--rounds N] [--peers docker,newest,containerd,buildx,buildkit,buildah]
 *     [--buildkit FOLDER] [--program FILE] [--merge] [--docs]
 *
 * --buildkit says where `buildkitd` and `buildctl` are, if not in PATH. --merge keeps the last results of cases that are not
 * measured now; --docs writes the table and the plot into docs/ too.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { commandCases } from './cases/commands.ts';
import { copyCases } from './cases/copies.ts';
import { editCases } from './cases/edits.ts';
import { exportCases } from './cases/exports.ts';
import { loadCases } from './cases/loads.ts';
import { registryCases } from './cases/registries.ts';
import { seriesCases } from './cases/series.ts';
import { specCases } from './cases/specs.ts';
import { stepCases } from './cases/steps.ts';
import { warmCases, warmIds } from './cases/warm.ts';
import { makeBusyboxTar, openPlace, type Place, peerNames } from './place.ts';
import { plot } from './plot.ts';
import { formatMarkdown, formatTable } from './report.ts';
import { runCase } from './rounds.ts';
import type { Case, CaseResult } from './types.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const resultsDir = join(root, 'bench/results');

/** Each group of cases prepares its own files, and only when one of them is asked for. */
const groups: readonly {
  ids: readonly string[];
  cases: (place: Place, isAsked: (id: string) => boolean) => Case[];
}[] = [
  { ids: ['idle-10', 'edit-1'], cases: editCases },
  { ids: ['idle-20', 'stage-7'], cases: specCases },
  { ids: ['copy-cold', 'copy-unchanged', 'copy-one'], cases: copyCases },
  { ids: ['gib-store', 'gib-layout', 'gib-tar'], cases: exportCases },
  { ids: ['run-true', 'independent-20'], cases: stepCases },
  { ids: ['load-one', 'load-one-containerd'], cases: loadCases },
  {
    ids: ['registry-pull', 'registry-push', 'registry-push-one', 'registry-build-push'],
    cases: registryCases,
  },
  { ids: ['run-command'], cases: commandCases },
  { ids: warmIds, cases: warmCases },
  { ids: ['warm-series'], cases: seriesCases },
];

export interface Report {
  date: string;
  machine: { cpu: string; cores: number; memoryGiB: number; kernel: string; arch: string; node: string };
  /** Load of the machine over the last 15 minutes: what else it did. */
  load: number;
  cases: CaseResult[];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      rounds: { type: 'string' },
      peers: { type: 'string', default: peerNames.join() },
      buildkit: { type: 'string' },
      program: { type: 'string' },
      merge: { type: 'boolean', default: false },
      docs: { type: 'boolean', default: false },
    },
  });
  const say = (text: string) => process.stderr.write(`${text}\n`);
  mkdirSync(resultsDir, { recursive: true });
  // A bundle of its own, which nobody replaces while the benchmark runs.
  const program = join(resultsDir, 'program/cambium.cjs');
  if (values.program === undefined) bundle(dirname(program));
  else copyProgram(dirname(values.program), dirname(program));
  const peers = new Set(values.peers.split(','));
  const place = await openPlace({
    ...{ program, peers, say },
    buildKit: values.buildkit,
    cacheDir: resultsDir,
  });
  const cases = values.merge ? lastCases() : new Map<string, CaseResult>();
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error('stopped')));
  try {
    place.importBase(makeBusyboxTar(place), 'bench-base:1');
    const only = new RegExp(values.only);
    const isAsked = (id: string) => only.test(id);
    const rounds = values.rounds === undefined ? {} : { rounds: Number(values.rounds) };
    for (const group of groups) {
      if (!group.ids.some(isAsked)) continue;
      for (const one of group.cases(place, isAsked).filter(({ id }) => isAsked(id))) {
        cases.set(one.id, await runCase(place, one, { ...rounds, say, signal: stop.signal }));
        // After each: what is measured isn't lost when a later case breaks.
        write(reportOf(cases), values.docs);
      }
    }
  } finally {
    await place.close();
  }
  process.stdout.write(formatTable([...cases.values()]));
}

function lastCases(): Map<string, CaseResult> {
  const { cases } = JSON.parse(readFileSync(join(resultsDir, 'latest.json'), 'utf8')) as Report;
  return new Map(cases.map((result) => [result.id, result]));
}

/** In the order of the groups, whatever was measured first. */
function reportOf(cases: ReadonlyMap<string, CaseResult>): Report {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: machine(),
    load: loadavg()[2] ?? 0,
    cases: groups.flatMap(({ ids }) => ids.flatMap((id) => cases.get(id) ?? [])),
  };
}

function copyProgram(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of ['later.cjs', 'plan.cjs', 'program.cjs', 'cambium.cjs'])
    copyFileSync(join(from, name), join(to, name));
}

/** As the package is bundled, into a folder of the benchmark's own. */
function bundle(folder: string): void {
  const script = `import {bundle} from ${JSON.stringify(join(root, 'scripts/bundle.mjs'))}; await bundle(process.argv[1])`;
  execFileSync(process.execPath, ['--input-type=module', '-e', script, folder], { stdio: 'inherit' });
}

function machine(): Report['machine'] {
  const [first] = cpus();
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: /^\d+\.\d+/.exec(release())?.[0] ?? 'unknown',
    arch: arch(),
    node: process.version,
  };
}

function write(report: Report, toDocs: boolean): void {
  const svg = plot(report.cases);
  writeFileSync(join(resultsDir, 'latest.json'), `${JSON.stringify(report, undefined, 2)}\n`);
  writeFileSync(join(resultsDir, 'latest.svg'), svg);
  if (!toDocs) return;
  writeFileSync(join(root, 'docs/benchmarks.svg'), svg);
  const isWarm = ({ id }: CaseResult) => id.startsWith('warm-');
  fillPage('docs/warm.md', report, report.cases.filter(isWarm));
  fillPage(
    'docs/benchmarks.md',
    report,
    report.cases.filter((one) => !isWarm(one)),
  );
}

/** Puts results between the marks of a page; it stays as it is when there are none. */
function fillPage(name: string, { date, load, machine }: Report, cases: readonly CaseResult[]): void {
  if (cases.length === 0) return;
  const page = join(root, name);
  const { cores, memoryGiB, kernel, node } = machine;
  const text = `Measured on ${date}: ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, load ${load.toFixed(1)}.\n\n${formatMarkdown(cases)}`;
  const marked = /(<!-- results -->\n)[\s\S]*(<!-- end of results -->)/;
  writeFileSync(
    page,
    readFileSync(page, 'utf8').replace(marked, (_, begin, end) => `${begin}\n${text}\n${end}`),
  );
}

await main();
