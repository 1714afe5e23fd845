/** `--format` as Docker has it, as far as lists need it: `{{.Name}}`, `{{json .}}`, `{{json .Name}}`, `table …`, `json`. */
import { wrongUse } from '../kit/errors.ts';
import { formatTable } from './text.ts';

export type Row = Readonly<Record<string, unknown>>;

/** The rows, each by the template; field names match without regard to case. */
export function formatRows(template: string, rows: readonly Row[], known: readonly string[]): string {
  if (template === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const isTable = /^table(\s|$)/.test(template);
  const text = (isTable ? template.slice('table'.length).trim() : template)
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n');
  const render = (show: (field: string, asJson: boolean) => string) =>
    text.replaceAll(/\{\{(.*?)\}\}/g, (whole, inner: string) => {
      const match = /^\s*(json\s+)?\.(\w*)\s*$/.exec(inner);
      const field = known.find((name) => name.toLowerCase() === match?.[2]?.toLowerCase());
      if (match === null || (field === undefined && match[2] !== '')) throw badFormat(whole, known);
      return show(field ?? '', match[1] !== undefined);
    });
  const lines = rows.map((row) =>
    render((field, asJson) => {
      const value = field === '' ? row : row[field];
      return asJson || typeof value === 'object' ? JSON.stringify(value) : String(value ?? '');
    }),
  );
  if (!isTable) return lines.map((line) => `${line}\n`).join('');
  const head = render((field) => field.replaceAll(/([A-Z])/g, ' $1').toUpperCase());
  return formatTable([head, ...lines].map((line) => line.split('\t')));
}

function badFormat(part: string, known: readonly string[]) {
  return wrongUse('bad-format', `\`${part}\` of --format can't be read.`, {
    hint: `Write {{.NAME}}, {{json .}} or {{json .NAME}}, where NAME is one of ${known.join(', ')}.`,
  });
}
