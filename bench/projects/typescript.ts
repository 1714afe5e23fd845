/** A project of 500 modules in TypeScript, built by `tsc --incremental`; its compiler is the one that npm put beside this program. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../place.ts';
import type { IncrementalProject } from './project.ts';

const modules = 500;
const perModule = 5;
const editedModule = 300;

export function typescriptProject(place: Place): IncrementalProject {
  const folder = 'warm-typescript';
  const compiler = join(import.meta.dirname, '../../node_modules/typescript');
  cpSync(compiler, place.path(folder, 'node_modules/typescript'), { recursive: true, dereference: true });
  const compilerOptions = {
    ...{ target: 'ES2022', module: 'CommonJS', lib: ['ES2022'], types: [], strict: true },
    ...{ incremental: true, skipLibCheck: true, rootDir: 'src', outDir: 'dist' },
  };
  place.write(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions, include: ['src'] }));
  for (let index = 0; index < modules; index++)
    place.write(`${folder}/src/m${index}.ts`, moduleText(index, 'none'));
  const tsc = 'node node_modules/typescript/bin/tsc';
  return {
    ...{ id: 'warm-typescript', title: `one line of TypeScript: ${modules} modules`, folder },
    ...{ build: tsc, again: tsc, isIncremental: true },
    edited: `src/m${editedModule}.ts`,
    content: (text) => moduleText(editedModule, text),
    product: `dist/m${editedModule}.js`,
  };
}

/** Types and functions as applications have them; each module imports up to three others. */
function moduleText(index: number, saved: string): string {
  const imported = [...new Set([2, 3, 4].map((part) => Math.floor(index / part)))].filter(
    (other) => other < index,
  );
  const functions = [...Array(perModule).keys()].map((number) => functionText(index, number));
  return `${imported.map((other) => `import { read0 as read${other}of, type Item as Item${other} } from './m${other}';\n`).join('')}
export type Item =
  | { type: 'text'; text: string; tags: readonly string[] }
  | { type: 'number'; value: number; unit?: 'm' | 'kg' | 's' }
  | { type: 'list'; items: readonly Item[] };

export type Handlers<Result> = { [Kind in Item['type']]: (item: Extract<Item, { type: Kind }>) => Result };

export function handle<Result>(item: Item, handlers: Handlers<Result>): Result {
  return (handlers[item.type] as (item: Item) => Result)(item);
}

const saved: string = '${saved}';

export function first(): string {
  return [saved${imported.map((other) => `, read${other}of([] as Item${other}[])`).join('')}].join();
}
${functions.join('')}`;
}

function functionText(index: number, number: number): string {
  return `
export function read${number}(items: readonly Item[]): string {
  const groups = new Map<Item['type'], Item[]>();
  for (const item of items) groups.set(item.type, [...(groups.get(item.type) ?? []), item]);
  const sizes = [...groups].map(([type, members]) => ({ type, size: members.length + ${index} }));
  const texts = items.map((item) =>
    handle(item, {
      text: ({ text, tags }) => [text, ...tags.filter((tag) => tag.length > ${number})].join(' '),
      number: ({ value, unit = 'm' }) => \`\${value.toFixed(${number})} \${unit}\`,
      list: ({ items: inner }) => inner.flatMap((one) => (one.type === 'list' ? one.items : [one])).map(({ type }) => type).join(),
    }),
  );
  return sizes.filter(({ size }) => size > ${number}).map(({ type, size }) => \`\${type}: \${size}\`).concat(texts).join('; ');
}
`;
}
