/**
 * Build files that import nothing but `cambium` are run from what they were compiled to before: to load the compiler
 * takes longer than all else in a build with nothing to do.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInThisContext } from 'node:vm';
import { hexOf, sha256 } from '../../kit/digest.ts';

/** Counts up when the compiler, or what is asked of it, changes: older files are not found any more. */
const format = 1;

const namedImport = /^import\s+(?:type\s+)?\{[^{}]*\}\s+from\s+(['"])cambium\1/gm;
/** Any of these words may reach other modules, or the module itself, if only out of a text. */
const reaching =
  /\b(?:import|from|require|module|exports|eval|Function|__filename|__dirname|arguments|jiti\w+)\b|\\u/;

/** Whether a program's text needs no other module, judged with caution: the text of a command may speak against it. */
export function standsAlone(text: string): boolean {
  return !reaching.test(text.replace(namedImport, ''));
}

/** What `text` was compiled to; undefined where it isn't kept, or not whole. */
export function keptProgram(folder: string, text: string): string | undefined {
  try {
    const file = readFileSync(fileOf(folder, text), 'utf8');
    const end = file.indexOf('\n');
    const code = file.slice(end + 1);
    return file.slice(0, end) === headerOf(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Keeps what `text` was compiled to. Where that fails, it is compiled the next time too. */
export function keepProgram(folder: string, text: string, code: string): void {
  const file = fileOf(folder, text);
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o711 });
    writeFileSync(temporary, `${headerOf(code)}\n${code}`, { flag: 'wx', mode: 0o600 });
    renameSync(temporary, file);
  } catch {
    rmSync(temporary, { force: true });
  }
}

/** Runs a compiled program, whose lines are those of `path`; gives its default export. */
export async function runKept(code: string, path: string, cambium: object): Promise<unknown> {
  const wrapped = `(async function (exports, jitiImport) { ${code}\n})`;
  const program = runInThisContext(wrapped, { filename: path }) as (
    exports: { default?: unknown },
    importModule: () => Promise<object>,
  ) => Promise<void>;
  const exported: { default?: unknown } = {};
  await program(exported, async () => cambium);
  return exported.default;
}

function fileOf(folder: string, text: string): string {
  return join(folder, `${hexOf(sha256(`${format}\n${text}`))}.js`);
}

function headerOf(code: string): string {
  return `// ${sha256(code)}`;
}
