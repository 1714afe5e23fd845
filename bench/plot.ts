/** Draws the ratios: one group of bars a case, Cambium being 1, on a logarithmic scale; and long series, sample by sample. */
import { formatMs, median, type Summary, subject, summarize } from './report.ts';
import type { CaseResult, Row, Sample } from './types.ts';

const width = 860;
const left = 190;
const right = 120;
const barHeight = 15;
const groupGap = 34;
const top = 30;
const ratioMin = 0.25;
const seriesHeight = 90;

/** Readable on light and dark pages. */
const style = `text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.faint{fill:#6e7781}
.own{fill:#2da44e}.peer{fill:#8c959f}line{stroke:#8c959f;stroke-opacity:.4}
@media(prefers-color-scheme:dark){text{fill:#d1d7e0}.faint{fill:#9198a1}.peer{fill:#656c76}}`;

export function plot(results: readonly CaseResult[]): string {
  const groups = results
    .filter((result) => !isSeries(result))
    .map((result) => ({
      title: result.title,
      bars: summarize(result).filter(({ ratio }) => ratio !== undefined),
    }))
    .filter(({ bars }) => bars.length > 0);
  const ratios = groups.flatMap(({ bars }) => bars.map(({ ratio }) => ratio as number));
  const ratioMax = Math.max(10, ...ratios);
  const scale = (ratio: number) =>
    left +
    ((width - left - right) * Math.log(Math.max(ratio, ratioMin) / ratioMin)) / Math.log(ratioMax / ratioMin);
  const parts: string[] = [];
  let y = top;
  for (const { title, bars } of groups) {
    parts.push(`<text class="title" x="8" y="${y + 12}">${escapeXml(title)}</text>`);
    y += 20;
    for (const bar of bars) {
      parts.push(drawBar(bar, y, scale));
      y += barHeight + 3;
    }
    y += groupGap - 20;
  }
  const gridEnd = y;
  for (const { title, rows } of results.filter(isSeries)) {
    parts.push(`<text class="title" x="8" y="${y + 12}">${escapeXml(title)}</text>`);
    parts.push(drawSeries((rows[0] as Row).samples, y + 20));
    y += 20 + seriesHeight + groupGap;
  }
  const grid = [0.5, 1, 2, 5, 10, 20, 50, 100, 200]
    .filter((ratio) => ratio <= ratioMax)
    .map((ratio) => {
      const x = scale(ratio).toFixed(1);
      return `<line x1="${x}" x2="${x}" y1="${top - 6}" y2="${gridEnd}"/><text class="faint" x="${x}" y="${top - 12}" text-anchor="middle">${ratio}×</text>`;
    });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" role="img" aria-label="Time of each tool, divided by that of Cambium"><style>${style}</style>
${[...grid, ...parts].join('\n')}
</svg>
`;
}

/** So many samples of one contender are told one by one. */
function isSeries({ rows }: CaseResult): boolean {
  return rows.length === 1 && (rows[0] as Row).samples.length >= 50;
}

/** A dot for each sample, from nothing at the bottom to the slowest one; the median as a line. */
function drawSeries(samples: readonly Sample[], y: number): string {
  const walls = samples.map(({ wallMs }) => wallMs);
  const most = Math.max(...walls);
  const [span, bottom] = [width - left - right, y + seriesHeight];
  const heightOf = (ms: number) => (bottom - (seriesHeight * ms) / most).toFixed(1);
  const dots = walls.map(
    (ms, index) =>
      `<circle class="own" cx="${(left + (span * index) / (walls.length - 1)).toFixed(1)}" cy="${heightOf(ms)}" r="2"/>`,
  );
  const middle = median(walls);
  const label = (ms: number) =>
    `<text class="faint" x="${left - 6}" y="${heightOf(ms)}" text-anchor="end">${formatMs(ms)}</text>`;
  const across = (at: string) => `<line x1="${left}" x2="${width - right}" y1="${at}" y2="${at}"/>`;
  return [across(`${bottom}`), across(heightOf(middle)), label(middle), ...dots].join('');
}

function drawBar(
  { name, ratio = 0, medianMs }: Summary,
  y: number,
  scale: (ratio: number) => number,
): string {
  const length = Math.max(scale(ratio) - left, 1).toFixed(1);
  const kind = name.startsWith(subject) ? 'own' : 'peer';
  const baseline = y + barHeight - 3;
  return `<text class="faint" x="${left - 6}" y="${baseline}" text-anchor="end">${escapeXml(name)}</text><rect class="${kind}" x="${left}" y="${y}" width="${length}" height="${barHeight}"/><text x="${(left + Number(length) + 5).toFixed(1)}" y="${baseline}">${ratio.toFixed(ratio < 10 ? 1 : 0)}× · ${formatMs(medianMs)}</text>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
