/** What the samples say: medians, ratios, and whether the goals are reached; as text and as Markdown. */
import type { CaseResult, Goal, Row, Sample } from './types.ts';

export interface Summary {
  name: string;
  medianMs: number;
  minMs: number;
  cpuMs: number;
  peakMiB: number | undefined;
  /** This median, divided by that of Cambium. */
  ratio: number | undefined;
  /** How much longer than the baseline, in the same rounds. */
  overheadMs: number | undefined;
  error: string | undefined;
}

/** The contender that goals and ratios speak of. */
export const subject = 'cambium';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}

export function summarize({ rows, per, baseline }: CaseResult): Summary[] {
  const base = rows.find(({ name }) => name === baseline);
  const own = rows.find(({ name }) => name === subject);
  const ownMedian =
    own && own.samples.length > 0 ? median(own.samples.map(({ wallMs }) => wallMs)) : undefined;
  return rows.map((row) => summaryOf(row, per, ownMedian, base));
}

function summaryOf(
  { name, samples, error }: Row,
  per: number,
  ownMedian: number | undefined,
  base: Row | undefined,
): Summary {
  const walls = samples.map(({ wallMs }) => wallMs);
  const peaks = samples.flatMap(({ peakMiB }) => peakMiB ?? []);
  const middle = median(walls);
  return {
    name,
    medianMs: middle / per,
    minMs: Math.min(...walls) / per,
    cpuMs: median(samples.map(({ cpuMs }) => cpuMs)) / per,
    peakMiB: peaks.length > 0 ? Math.max(...peaks) : undefined,
    ratio: ownMedian === undefined || walls.length === 0 ? undefined : middle / ownMedian,
    overheadMs: base === undefined || base.name === name ? undefined : overheadOf(samples, base.samples),
    error,
  };
}

/** Round by round where both were measured alike: what else the machine did met both. */
function overheadOf(samples: readonly Sample[], base: readonly Sample[]): number {
  if (samples.length !== base.length)
    return median(samples.map(({ wallMs }) => wallMs)) - median(base.map(({ wallMs }) => wallMs));
  return median(samples.map(({ wallMs }, round) => wallMs - (base[round] as Sample).wallMs));
}

export interface Verdict {
  text: string;
  met: boolean;
}

/** A ratio is told of the fastest contender of that name. */
export function verdicts(result: CaseResult): Verdict[] {
  const all = summarize(result);
  const own = all.find(({ name }) => name === subject);
  return result.goals.map((goal) => {
    const who = 'who' in goal ? all.find(({ name }) => name === goal.who) : own;
    const verdict = verdictOf(
      goal,
      who,
      all,
      result.rows.find(({ name }) => name === who?.name)?.samples ?? [],
    );
    return 'who' in goal ? { ...verdict, text: `${goal.who}: ${verdict.text}` } : verdict;
  });
}

function verdictOf(
  goal: Goal,
  own: Summary | undefined,
  all: readonly Summary[],
  samples: readonly Sample[],
): Verdict {
  if (own === undefined || Number.isNaN(own.medianMs)) return { text: 'not measured', met: false };
  switch (goal.type) {
    case 'time':
      return {
        text: `${formatMs(own.medianMs)}, goal: under ${goal.underMs} ms`,
        met: own.medianMs < goal.underMs,
      };
    case 'memory': {
      const peak = own.peakMiB ?? Number.POSITIVE_INFINITY;
      return { text: `${Math.round(peak)} MiB, goal: under ${goal.underMiB} MiB`, met: peak < goal.underMiB };
    }
    case 'ratio': {
      const peers = all.filter(({ name, medianMs }) => name.startsWith(goal.of) && !Number.isNaN(medianMs));
      const best = peers.toSorted((a, b) => a.medianMs - b.medianMs)[0];
      if (best === undefined) return { text: `no ${goal.of} to compare with`, met: false };
      const share = own.medianMs / best.medianMs;
      return {
        text: `${share.toFixed(2)} of ${best.name}, goal: at most ${goal.factor}`,
        met: share <= goal.factor,
      };
    }
    case 'overhead': {
      const overheadMs = own.overheadMs ?? Number.NaN;
      return {
        text: `${formatMs(overheadMs)} over the tool alone, goal: under ${goal.underMs} ms`,
        met: overheadMs < goal.underMs,
      };
    }
    case 'overhead-ratio': {
      const of = all.find(({ name, overheadMs }) => name.startsWith(goal.of) && !Number.isNaN(overheadMs));
      if (of?.overheadMs === undefined) return { text: `no ${goal.of} to compare with`, met: false };
      const share = (own.overheadMs ?? Number.NaN) / of.overheadMs;
      return {
        text: `${share.toFixed(2)} of what ${of.name} takes over the tool alone, goal: at most ${goal.factor.toFixed(2)}`,
        met: share <= goal.factor,
      };
    }
    case 'flat': {
      const [first, last] = [samples.slice(0, goal.count), samples.slice(-goal.count)];
      const growth = (of: (sample: Sample) => number) => median(last.map(of)) / median(first.map(of));
      const time = growth(({ wallMs }) => wallMs);
      const bytes = growth(({ layerBytes = Number.NaN }) => layerBytes);
      return {
        text: `last ${goal.count} of ${samples.length} against the first ${goal.count}: time ${time.toFixed(2)}, bytes of the new layer ${bytes.toFixed(2)}, goal: at most ${goal.factor}`,
        met: time <= goal.factor && bytes <= goal.factor,
      };
    }
    case 'layers': {
      const most = Math.max(...samples.map(({ layers = Number.NaN }) => layers));
      return { text: `at most ${most} small layers, goal: at most ${goal.most}`, met: most <= goal.most };
    }
  }
}

export function formatMs(ms: number): string {
  if (Number.isNaN(ms)) return '–';
  return ms < 1000
    ? `${Math.abs(ms) < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
    : `${(ms / 1000).toFixed(2)} s`;
}

const columns = ['median', 'min', 'CPU', 'peak', 'overhead', 'ratio'] as const;

function cells({ medianMs, minMs, cpuMs, peakMiB, overheadMs, ratio, error }: Summary): string[] {
  if (error !== undefined) return ['failed', '', '', '', '', ''];
  return [
    formatMs(medianMs),
    formatMs(minMs),
    formatMs(cpuMs),
    peakMiB === undefined ? '' : `${Math.round(peakMiB)} MiB`,
    overheadMs === undefined ? '' : formatMs(overheadMs),
    ratio === undefined ? '' : `${ratio.toFixed(2)}×`,
  ];
}

/** For the terminal. */
export function formatTable(results: readonly CaseResult[]): string {
  const lines: string[] = [];
  for (const result of results) {
    lines.push('', result.title, ['', ...columns].map(pad).join(''));
    for (const summary of summarize(result)) {
      lines.push([`  ${summary.name}`, ...cells(summary)].map(pad).join(''));
    }
    for (const { text, met } of verdicts(result)) lines.push(`  ${met ? 'reached' : 'MISSED '}  ${text}`);
  }
  return `${lines.join('\n')}\n`;
}

function pad(text: string, index: number): string {
  return index === 0 ? text.padEnd(28) : text.padStart(11);
}

/** For the docs. */
export function formatMarkdown(results: readonly CaseResult[]): string {
  const lines: string[] = [];
  for (const result of results) {
    const isPeakTold = summarize(result).some(({ peakMiB }) => peakMiB !== undefined);
    const isOverheadTold = result.baseline !== undefined;
    const keep = (row: string[]) =>
      row.filter((_, index) => (isPeakTold || index !== 4) && (isOverheadTold || index !== 5));
    const line = (row: string[]) => `| ${keep(row).join(' | ')} |`;
    lines.push(`### ${result.title[0]?.toUpperCase()}${result.title.slice(1)}`, '');
    lines.push(line(['', ...columns]), line(['---', ...columns.map(() => '---:')]));
    for (const summary of summarize(result)) lines.push(line([summary.name, ...cells(summary)]));
    lines.push('');
    for (const { text, met } of verdicts(result)) lines.push(`- ${met ? 'reached' : '**missed**'}: ${text}`);
    lines.push('');
  }
  return lines.join('\n');
}
