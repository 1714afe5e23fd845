/** COPY and ADD → one step that copies. */
import { parseChmod } from '../../../kit/chmod.ts';
import { hideLogins } from '../../../kit/url-logins.ts';
import type { Copy, CopySource } from '../../../plan/index.ts';
import { checkIgnored } from '../checks/build-rules.ts';
import { blame } from '../language/complain.ts';
import type { AddInstruction, CopyInstruction } from '../language/types.ts';
import { type GitUrl, parseGitUrl } from './git-url.ts';
import { fileOfUrl } from './places.ts';
import { type From, mainContext, type Planner, resolveFrom, rootOf } from './planner.ts';
import { addHistory, type StageState } from './state.ts';
import { titleOf } from './step-list.ts';

export type CopyLike = CopyInstruction | AddInstruction;

/** Adds the step of an expanded COPY or ADD; `current` is the index of its stage. */
export async function planCopy(
  planner: Planner,
  state: StageState,
  instruction: CopyLike,
  current: number,
): Promise<void> {
  const { label } = state;
  const { chown, location } = instruction;
  checkChecksum(instruction);
  const dest = destOf(state.config.WorkingDir ?? '/', instruction.dest);
  const mode = modeOf(instruction);
  const common = {
    dest,
    ...(chown !== undefined && { owner: { name: chown } }),
    ...(mode !== undefined && { mode }),
  };
  const copies: Copy[] = [];
  let local: string[] = [];
  let from: From | undefined;
  const flush = () => {
    if (from !== undefined && local.length > 0)
      copies.push({ from: sourceOf(from), paths: local, ...common, select: selectionOf(instruction) });
    local = [];
  };
  for (const source of instruction.sources) {
    const remote = remoteCopy(planner, state, instruction, source);
    if (remote === undefined) {
      from ??= await fromOf(planner, instruction, current, label);
      local.push(source);
      continue;
    }
    flush();
    copies.push({ ...remote, ...common });
  }
  flush();
  for (const { name, content } of instruction.files) {
    const files = [{ path: name, data: content, mode: 0o644 }];
    copies.push({ from: { type: 'inline', files }, paths: [], ...common, select: {} });
  }
  if (
    from?.type === 'folder' && instruction.type === 'add'
      ? true
      : instruction.type === 'copy' && instruction.from === undefined
  )
    checkIgnored(
      planner.checker,
      instruction,
      instruction.sources.filter((path) => !/^[a-z]+:\/\//.test(path)),
      planner.ignore,
    );
  const title = titleOf(instruction.text);
  const { list } = planner;
  const step = { stage: label, title, location };
  const op = { type: 'copy', copies } as const;
  if (instruction.link) {
    // The copy knows nothing of the base, so it stands when that changes: then it is only laid over the new one.
    const files = list.add({ ...step, op });
    state.top = list.add({
      ...step,
      base: rootOf(planner, state),
      op: { type: 'link', step: files },
      internal: true,
    });
  } else state.top = list.add({ ...step, base: state.top, op });
  addHistory(state, historyOf(instruction), state.top);
}

async function fromOf(
  planner: Planner,
  instruction: CopyLike,
  current: number,
  label: string,
): Promise<From> {
  const name = instruction.type === 'copy' ? instruction.from : undefined;
  return name === undefined
    ? mainContext(planner, instruction, label)
    : resolveFrom(planner, name, { instruction, current, label });
}

export function sourceOf(from: From): CopySource {
  return from.type === 'folder' ? from.source : from;
}

function selectionOf(instruction: CopyLike): NonNullable<Copy['select']> {
  const { exclude } = instruction;
  const unpack = instruction.type === 'add' && instruction.unpack !== false;
  return {
    ...(exclude.length > 0 && { exclude }),
    ...(instruction.type === 'copy' && instruction.parents && { parents: true }),
    ...(unpack && { unpack }),
  };
}

/** A source of ADD that is fetched; undefined for paths. */
function remoteCopy(
  planner: Planner,
  state: StageState,
  instruction: CopyLike,
  source: string,
): Omit<Copy, 'dest'> | undefined {
  const git = parseGitUrl(source);
  const isHttp = git === undefined && /^https?:\/\//.test(source);
  if (git === undefined && !isHttp) return undefined;
  if (instruction.type === 'copy') {
    const what = git ? 'a git repository' : 'a URL';
    throw blame(instruction, `COPY can't take ${what}: \`${source}\`.`, { hint: 'ADD can.' });
  }
  const at = { stage: state.label, title: titleOf(`fetch ${source}`), location: instruction.location };
  const { exclude, checksum } = instruction;
  const excluded = exclude.length > 0 ? { exclude } : {};
  if (git !== undefined) {
    const step = planner.list.source({ type: 'git', ...gitSource(instruction, git) }, at);
    return { from: { type: 'step', step }, paths: ['/'], select: excluded };
  }
  const file = fileOfUrl(source);
  const step = planner.list.source({ type: 'http', url: source, file, ...(checksum && { checksum }) }, at);
  const select = { ...excluded, ...(instruction.unpack && { unpack: true }) };
  // The file's name is no pattern.
  const path = `/${file.replace(/[\\*?[]/g, '\\$&')}`;
  return { from: { type: 'step', step }, paths: [path], select };
}

function gitSource(instruction: AddInstruction, git: GitUrl): GitUrl {
  const { checksum, keepGitDir } = instruction;
  const clash = (what: string) =>
    blame(instruction, `The flag --${what} and the address say different things.`);
  if (checksum !== undefined && git.checksum !== undefined && checksum !== git.checksum)
    throw clash('checksum');
  if (keepGitDir !== undefined && git.keepGitFolder !== undefined && keepGitDir !== git.keepGitFolder)
    throw clash('keep-git-dir');
  const { keepGitFolder = keepGitDir, ...rest } = git;
  return { ...rest, ...(checksum && { checksum }), ...(keepGitFolder && { keepGitFolder }) };
}

function checkChecksum(instruction: CopyLike): void {
  if (instruction.type !== 'add' || instruction.checksum === undefined) return;
  const [source, ...others] = instruction.sources;
  if (others.length > 0 || source === undefined)
    throw blame(instruction, 'ADD --checksum takes one source.', { code: 'bad-checksum' });
  if (!/^https?:\/\//.test(source) && parseGitUrl(source) === undefined)
    throw blame(instruction, 'ADD --checksum is for URLs and git repositories.', { code: 'bad-checksum' });
}

function modeOf(instruction: CopyLike): number | string | undefined {
  const { chmod } = instruction;
  if (chmod === undefined || chmod === '') return undefined;
  if (parseChmod(chmod) === undefined) {
    throw blame(instruction, `\`${chmod}\` is no mode of a file.`, {
      code: 'bad-mode',
      hint: 'Write it octal, from 0 to 7777, or as chmod takes it: u=rwX,go=rX.',
    });
  }
  return /^[0-7]+$/.test(chmod) ? Number.parseInt(chmod, 8) : chmod;
}

/** Relative to the working folder; a slash at the end stays. */
function destOf(cwd: string, dest: string): string {
  const isFolder = dest === '' || /(^|\/)\.?$/.test(dest);
  const names: string[] = [];
  for (const name of (dest.startsWith('/') ? dest : `${cwd}/${dest}`).split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names.length === 0 ? '/' : `/${names.join('/')}${isFolder ? '/' : ''}`;
}

function historyOf(instruction: CopyLike): string {
  const { chown, chmod, sources, files, dest } = instruction;
  const words = [
    instruction.type === 'add' ? 'ADD' : 'COPY',
    ...(instruction.type === 'copy' && instruction.parents ? ['--parents'] : []),
    ...(chown === undefined || chown === '' ? [] : [`--chown=${chown}`]),
    ...(chmod === undefined || chmod === '' ? [] : [`--chmod=${chmod}`]),
    // An image is given away: no login for what it was made from.
    ...sources.map(hideLogins),
    ...files.map(({ name }) => `<<${name}`),
    dest,
  ];
  return `${words.join(' ')} # buildkit`;
}
