/** As much of TOML as registries.conf takes: tables, lists of tables, and keys with a string, a boolean or a list of strings. */

export type TomlValue = string | boolean | string[];

export interface TomlTable {
  /** Name in the brackets, as it is written: `registry`, `registry.mirror`. */
  name: string;
  /** `[[name]]`: one of several. */
  isListed: boolean;
  values: Map<string, TomlValue>;
}

const header = /^(\[\[|\[)\s*([\w.-]+|"[^"]*")\s*(?:\]\]|\])$/;
const pair = /^([\w-]+|"[^"]*")\s*=\s*(.*)$/;

/** All tables in their order, the first without a name. What isn't understood is passed over. */
export function parseTables(text: string): TomlTable[] {
  const tables: TomlTable[] = [{ name: '', isListed: false, values: new Map() }];
  for (const line of joinLists(text.split('\n').map(withoutComment))) {
    const [, brackets, name] = header.exec(line) ?? [];
    if (name !== undefined) {
      tables.push({ name, isListed: brackets === '[[', values: new Map() });
      continue;
    }
    const [, key, written] = pair.exec(line) ?? [];
    const value = written === undefined ? undefined : readValue(written);
    if (key !== undefined && value !== undefined) tables.at(-1)?.values.set(key.replaceAll('"', ''), value);
  }
  return tables;
}

function withoutComment(line: string): string {
  return line.replace(/^((?:[^"'#]|"(?:[^"\\]|\\.)*"|'[^']*')*)#.*$/, '$1').trim();
}

/** A list may go over several lines. */
function joinLists(lines: readonly string[]): string[] {
  const joined: string[] = [];
  let open: string | undefined;
  for (const line of lines) {
    const text = open === undefined ? line : `${open} ${line}`;
    const isOpen = /=\s*\[[^\]]*$/.test(text);
    open = isOpen ? text : undefined;
    if (!isOpen && text !== '') joined.push(text);
  }
  return joined;
}

function readValue(text: string): TomlValue | undefined {
  if (text === 'true' || text === 'false') return text === 'true';
  const strings = [...text.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g)].map(
    ([, basic, literal]) => literal ?? (basic as string).replace(/\\(.)/g, '$1'),
  );
  return text.startsWith('[') ? strings : strings[0];
}
