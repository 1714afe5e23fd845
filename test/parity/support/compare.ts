/** Images as plain data that can be compared and written down: trees as lines, configuration as a record. */
import { canonicalJson } from '../../../src/kit/digest.ts';
import type { ConfigFile, FileTree, ImageContent, TreeNode } from './archive.ts';

/** `TYPE MODE UID:GID DATA [xattrs]`; symlinks have no mode. Times are left out. */
function describeNode(node: TreeNode): string {
  const fields = [
    shortTypes[node.type] ?? node.type,
    node.type === 'symlink' ? '' : node.mode.toString(8),
    `${node.uid}:${node.gid}`,
    node.data,
    node.xattrs,
  ];
  return fields.filter((field) => field !== '').join(' ');
}

const shortTypes: Record<string, string> = { directory: 'dir', symlink: 'link' };

/** All differences of two trees: path → what `after` has there, or `absent`. */
export function treeDifference(before: FileTree | undefined, after: FileTree): Record<string, string> {
  const difference: [string, string][] = [];
  for (const [path, node] of after) {
    const old = before?.get(path);
    const text = describeNode(node);
    if (old === undefined || describeNode(old) !== text) difference.push([path, text]);
  }
  for (const path of before?.keys() ?? []) if (!after.has(path)) difference.push([path, 'absent']);
  return Object.fromEntries(difference.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Groups of names that are hard links of one file, as far as the layers say. */
function hardLinks(tree: FileTree): string[] {
  const groups = new Map<number, string[]>();
  for (const [path, node] of tree)
    if (node.type === 'file') groups.set(node.inode, [...(groups.get(node.inode) ?? []), path]);
  return [...groups.values()]
    .filter((names) => names.length > 1)
    .map((names) => names.sort().join(' = '))
    .sort();
}

const fieldsOfConfig = [
  'Env',
  'Cmd',
  'Entrypoint',
  'User',
  'WorkingDir',
  'ExposedPorts',
  'Volumes',
  'Labels',
  'StopSignal',
  'Shell',
  'OnBuild',
  'Healthcheck',
] as const;

/** The configuration; what is empty is left out, since writers differ in how they say that there is nothing. */
export function imageFacts(file: ConfigFile): Record<string, unknown> {
  const facts: Record<string, unknown> = {
    architecture: file.architecture,
    os: file.os,
    author: file.author,
  };
  for (const field of fieldsOfConfig) {
    const value = file.config?.[field];
    facts[field] = isKeySet(field, value) ? Object.keys(value).sort() : value;
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => !isEmpty(value)));
}

function isKeySet(field: string, value: unknown): value is object {
  return (field === 'ExposedPorts' || field === 'Volumes') && typeof value === 'object' && value !== null;
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === '') return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

/** What made the image, the oldest first; a mark tells lines without a layer. */
export function historyLines(file: ConfigFile): string[] {
  return (file.history ?? []).map(
    (line) => `${line.empty_layer === true ? '- ' : ''}${line.created_by ?? ''}`,
  );
}

/**
 * The history in words that this dockerd and current BuildKit share: the latter shows values of arguments, ports in
 * order, owners and modes of copies, and one more field of a health check. Cases of their own hold those words. Whether
 * a step that changed nothing has a layer isn't compared: here it has none.
 */
function commonHistory(file: ConfigFile): string[] {
  return historyLines(file).flatMap((line) => {
    if (line.startsWith('- ARG ')) return [];
    if (line.startsWith('- HEALTHCHECK ')) return ['- HEALTHCHECK'];
    if (line.startsWith('- EXPOSE ')) return [`- EXPOSE ${(line.match(/\d+\/\w+/g) ?? []).sort().join(' ')}`];
    return [
      line.replace(/^- (?=RUN|WORKDIR|COPY|ADD)/, '').replace(/^(COPY|ADD)( --(?:chown|chmod)=\S+)+/, '$1'),
    ];
  });
}

/** All in which two images differ: where → what `theirs` has, and what `ours` has. */
export function imageDifferences(
  theirs: ImageContent,
  ours: ImageContent,
  options: { history: boolean },
): Record<string, string> {
  const [left, right] = [comparable(theirs, options), comparable(ours, options)];
  const keys = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return Object.fromEntries(
    keys
      .filter((key) => left[key] !== right[key])
      .map((key) => [key, `theirs: ${left[key] ?? 'nothing'}\nours: ${right[key] ?? 'nothing'}`]),
  );
}

function comparable(image: ImageContent, options: { history: boolean }): Record<string, string> {
  return {
    ...treeDifference(undefined, image.tree),
    ...named('configuration', imageFacts(image.config)),
    'hard links': JSON.stringify(hardLinks(image.tree)),
    ...(options.history && { history: JSON.stringify(commonHistory(image.config), undefined, 1) }),
  };
}

function named(prefix: string, facts: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(facts).map(([key, value]) => [`${prefix} ${key}`, canonicalJson(value)]),
  );
}
