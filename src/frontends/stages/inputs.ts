/**
 * What of the tree a stage may see besides its own folder and lib/: files that a script of it names as
 * `$base_dir/PATH` (as stages of BOSH do), and those listed in its file `inputs`. All else isn't copied to where
 * the stage runs, so the key covers what can be seen.
 */
import { basename, dirname, join, normalize } from 'node:path';
import type { SourceLocation } from '../../kit/errors.ts';
import {
  existsSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statIfThere,
  statSync,
} from '../../kit/host-files.ts';
import type { Copy } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import { isInside } from './folder.ts';

/** The effective settings, as a whole: seen only by stages that name the file. */
export const settingsPath = 'etc/settings.bash';

const pathForm = '([A-Za-z0-9_][\\w.+@%/-]*)';
const references: readonly { pattern: RegExp; prefix: string }[] = [
  { pattern: new RegExp(`\\$(?:base_dir\\b|\\{base_dir\\})"?/${pathForm}`, 'g'), prefix: '' },
  { pattern: new RegExp(`/\\.\\./\\.\\./${pathForm}`, 'g'), prefix: '' },
  { pattern: new RegExp(`\\$(?:dir\\b|\\{dir\\})"?/\\.\\./${pathForm}`, 'g'), prefix: 'stages/' },
  { pattern: /\$(?:skeleton_dir\b|\{skeleton_dir\})()/g, prefix: 'skeleton' },
];

/**
 * Paths below the tree that the scripts of `folder` name. Those that don't exist, or that a symlink leads out of the
 * tree, are left out: the stage doesn't see them, and says so itself.
 */
export function namedInputs(tree: string, folder: string): string[] {
  const found = new Set<string>();
  for (const name of readdirSync(folder)) {
    if (/\.(sh|bash)$/.test(name)) scan(join(folder, name), found);
  }
  const sees = (path: string) => path === settingsPath || 'path' in checkInput(tree, path, { file: folder });
  return [...found].filter(sees).sort();
}

function scan(file: string, found: Set<string>): void {
  if (!statIfThere(file)?.isFile()) return;
  const code = readFileSync(file, 'utf8').replace(/^\s*#.*$/gm, '');
  for (const { pattern, prefix } of references) {
    for (const match of code.matchAll(pattern)) {
      const path = normalize(prefix + (match[1] ?? '')).replace(/\/+$/, '');
      // `$base_dir/stages/$name` names no file: such inputs have to be declared.
      if (!/^(lib|stages)$|^lib\/|^\.\.?(\/|$)/.test(path)) found.add(path);
    }
  }
}

/** Paths that a stage's file `inputs` lists, one a line; `#` begins a comment. */
export function declaredInputs(tree: string, folder: string, complaints: Complaint[]): string[] {
  const file = join(folder, 'inputs');
  if (!statIfThere(file)?.isFile()) return [];
  const paths: string[] = [];
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const path = line.trim();
    if (path === '' || path.startsWith('#')) continue;
    const checked = checkInput(tree, path, { file, line: index + 1 });
    if ('complaint' in checked) complaints.push(checked.complaint);
    else paths.push(checked.path);
  }
  return paths;
}

/** Checks that an input exists below the tree, with all symlinks on its way. */
export function checkInput(
  tree: string,
  given: string,
  location: SourceLocation,
): { path: string } | { complaint: Complaint } {
  const path = normalize(given).replace(/\/+$/, '');
  const leaves = {
    complaint: {
      code: 'path-leaves-folder',
      message: `The input ${given} leaves the folder ${tree}.`,
      location,
    },
  };
  if (path.startsWith('/') || path === '.' || path === '..' || path.startsWith('../')) return leaves;
  const full = join(tree, path);
  if (!existsSync(full)) {
    return { complaint: { code: 'missing-input', message: `The input ${full} doesn't exist.`, location } };
  }
  return isInside(realpathSync.native(tree), realpathSync.native(full)) ? { path } : leaves;
}

/** Copies one path of the tree to the same place below `dest` (absolute, without a trailing `/`). */
export function copyOfInput(tree: string, path: string, dest: string, settings: string): Copy {
  if (path === settingsPath) {
    return {
      from: { type: 'inline', files: [{ path, data: settings, mode: 0o644 }] },
      paths: ['.'],
      dest: `${dest}/`,
    };
  }
  const full = realpathSync.native(join(tree, path));
  return statSync(full).isDirectory()
    ? { from: { type: 'folder', path: full }, paths: ['.'], dest: `${dest}/${path}/` }
    : { from: { type: 'folder', path: dirname(full) }, paths: [basename(full)], dest: `${dest}/${path}` };
}
