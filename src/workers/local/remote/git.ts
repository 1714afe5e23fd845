/**
 * Git repositories, by the `git` program: the commit that a name stands for, and its files. A login in the address reaches git
 * in its environment: what is in the arguments, everybody on the machine sees.
 */
import { spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyTree } from '../../../kit/copy-tree.ts';
import { outside, wrongUse } from '../../../kit/errors.ts';
import { setTimes } from '../../../kit/system.ts';
import { splitLogin, type UrlLogin } from '../../../kit/url-logins.ts';
import { listFolder, lstat } from '../../../kit/walk.ts';
import type { RemoteSource } from '../../../plan/index.ts';
import { newId } from '../../../store/runs.ts';
import { inTree } from '../in-tree.ts';

type GitSource = RemoteSource & { type: 'git' };

const commitId = /^([0-9a-f]{40}|[0-9a-f]{64})$/;

/** The commit that the source means now. */
export async function resolveCommit(source: GitSource): Promise<string> {
  const { remote, ref, checksum } = source;
  const commit = ref !== undefined && commitId.test(ref) ? ref : await askFor(remote, ref ?? 'HEAD');
  if (checksum !== undefined && !commit.startsWith(checksum)) {
    throw wrongUse(
      'wrong-checksum',
      `${remote} isn't what is expected: \`${ref ?? 'HEAD'}\` is the commit ${commit}, not ${checksum}.`,
    );
  }
  return commit;
}

async function askFor(remote: string, ref: string): Promise<string> {
  const text = await git(['ls-remote', '--', withoutLogin(remote).address, ref, `${ref}^{}`], { remote });
  const lines = text.split('\n').flatMap((line) => {
    const [id = '', name = ''] = line.split('\t');
    return commitId.test(id) ? [{ id, name }] : [];
  });
  // An annotated tag's own object comes first, what it points at with `^{}` after it.
  const named = (name: string) => lines.find((line) => line.name === name)?.id;
  const found =
    named(`${ref}^{}`) ??
    named(ref) ??
    named(`refs/tags/${ref}^{}`) ??
    named(`refs/heads/${ref}`) ??
    named(`refs/tags/${ref}`) ??
    lines[0]?.id;
  if (found !== undefined) return found;
  throw wrongUse('unknown-ref', `${remote} has no branch, tag or commit \`${ref}\`.`);
}

/** Puts the files of the commit into `root`. All have the commit's time: the clock decides nothing. */
export async function checkOut(
  source: GitSource,
  root: string,
  scratch: string,
  signal: AbortSignal,
): Promise<void> {
  const { remote, ref, subfolder, keepGitFolder = false, submodules = true } = source;
  const commit = await resolveCommit(source);
  const work = join(scratch, `git-${newId()}`);
  mkdirSync(work);
  const run = (...args: string[]) => git(args, { remote, cwd: work, signal });
  try {
    await run('init', '-q', '.');
    await run('remote', 'add', 'origin', withoutLogin(remote).address);
    // Few servers give out commits by id that no name points to: then all of it is fetched.
    await run('fetch', '-q', '--depth', '1', '--', 'origin', commit)
      .catch(() => run('fetch', '-q', '--depth', '1', '--', 'origin', ref ?? 'HEAD'))
      .catch(() => run('fetch', '-q', '--tags', 'origin'));
    await run('checkout', '-q', '--detach', commit);
    if (submodules) await run('submodule', 'update', '-q', '--init', '--recursive', '--depth', '1');
    const seconds = Number((await run('log', '-1', '--format=%ct', commit)).trim());
    if (!keepGitFolder) removeGitFolders(work);
    const from = subfolder ? inTree(work, subfolder, 'the folder of the repository') : work;
    if (!statSync(from).isDirectory())
      throw wrongUse('not-a-folder', `${subfolder} of ${remote} is not a folder.`);
    await copyTree(from, root, { signal });
    setAllTimes(root, BigInt(seconds) * 1_000_000_000n);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Writes the login of `remote` into the clone at `root`, as `git clone` does: for who goes on to work in it. */
export function keepLogin(root: string, remote: string): void {
  const path = join(root, '.git/config');
  const { address, login } = withoutLogin(remote);
  if (login === undefined || !existsSync(path)) return;
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(address, () => remote),
  );
}

/** `login` is that of an http(s) address; others (`git@host:…`) name a user without a password. */
function withoutLogin(remote: string): { address: string; login?: UrlLogin } {
  if (!/^https?:/.test(remote)) return { address: remote };
  const { bare, ...login } = splitLogin(new URL(remote));
  return { address: bare.href, ...login };
}

/** Has git answer the server's question for a login with variables; other servers are not given it. */
function loginFor(remote: string): { args: string[]; env: Record<string, string> } {
  const { address, login } = withoutLogin(remote);
  if (login === undefined) return { args: [], env: {} };
  const answer = 'printf "username=%s\\npassword=%s\\n" "$CAMBIUM_GIT_USER" "$CAMBIUM_GIT_PASSWORD"';
  return {
    args: ['-c', `credential.${new URL(address).origin}.helper=!f() { ${answer}; }; f`],
    env: { CAMBIUM_GIT_USER: login.user, CAMBIUM_GIT_PASSWORD: login.password },
  };
}

function removeGitFolders(work: string): void {
  rmSync(join(work, '.git'), { recursive: true, force: true });
  // Those of submodules are files that lead to it.
  for (const name of listFolder(work)) {
    if (lstatSync(join(work, name)).isDirectory()) removeGitFolders(join(work, name));
  }
}

function setAllTimes(path: string, mtimeNs: bigint): void {
  if (lstat(path).isDirectory()) for (const name of listFolder(path)) setAllTimes(join(path, name), mtimeNs);
  setTimes(path, mtimeNs);
}

/** Runs git with none of this machine's settings; returns what it prints. */
async function git(
  args: readonly string[],
  where: { remote: string; cwd?: string; signal?: AbortSignal },
): Promise<string> {
  const { PATH, SSH_AUTH_SOCK, https_proxy, http_proxy, no_proxy, SSL_CERT_FILE } = process.env;
  const login = loginFor(where.remote);
  const env = {
    ...login.env,
    ...definedOf({ PATH, SSH_AUTH_SOCK, https_proxy, http_proxy, no_proxy, SSL_CERT_FILE }),
    ...{ GIT_CONFIG_NOSYSTEM: '1', GIT_CONFIG_GLOBAL: '/dev/null', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
    ...{ GIT_PROTOCOL_FROM_USER: '0', GIT_SSH_COMMAND: 'ssh -o BatchMode=yes', HOME: '/nonexistent' },
  };
  const child = spawn('git', ['-c', 'init.defaultBranch=main', ...login.args, ...args], {
    ...(where.cwd !== undefined && { cwd: where.cwd }),
    ...(where.signal && { signal: where.signal }),
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [output, complaint] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', reject);
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    throw outside('missing-program', 'Git repositories need the program git, which is not installed.', {
      hint: 'Install it (Debian: `apt-get install git`).',
    });
  });
  if (code === 0) return output;
  const line = reasonIn(complaint);
  throw outside(
    'unreachable-repository',
    `${where.remote} can't be fetched: ${line || `git exited with ${code}`}`,
  );
}

/** The line of git's complaint that says what is wrong: what follows it are guesses, for `ssh` has said it before. */
function reasonIn(complaint: string): string | undefined {
  const lines = complaint.split('\n').filter((line) => line.trim() !== '');
  const guesses = lines.findIndex((line) => /^Please make sure you have the correct access/.test(line));
  const said = guesses === -1 ? lines : lines.slice(0, guesses);
  const isNews = (line: string) => !/^fatal: Could not read from remote repository/.test(line);
  return said.findLast(isNews) ?? said.at(-1);
}

function definedOf(env: Record<string, string | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
