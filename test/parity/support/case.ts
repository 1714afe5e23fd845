/** What one case of the parity suite is, and how its files get on disk. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/** Text of a file, or one of the other things that a folder can hold. */
export type FileSpec =
  | string
  | { text: string; mode?: number; owner?: readonly [uid: number, gid: number]; capability?: string }
  | { bytes: readonly number[]; mode?: number }
  | { folder: number }
  | { link: string }
  | { hardlink: string }
  | { fifo: number }
  /** An archive; `rename` is a replacement of sed's form for its members' names. */
  | { tar: Files; compress?: 'gzip' | 'bzip2' | 'xz' | 'zstd'; rename?: string };

export type Files = Readonly<Record<string, FileSpec>>;

export interface Expectation {
  /** All differences to the tree of the case's base image: path → `describeNode`, or `absent`. */
  tree?: Readonly<Record<string, string>>;
  /** Fields of the configuration, in the form of `imageFacts`. */
  config?: Readonly<Record<string, unknown>>;
  /** What made the image's last layers and settings, the oldest first: its last lines. */
  history?: readonly string[];
}

/** The images that cases build on; `scratch` is none. */
export type BaseName = 'base' | 'rich' | 'triggers' | 'scratch';

export interface Case {
  name: string;
  /** The Dockerfile: its lines, or its whole text. */
  dockerfile: readonly string[] | string;
  /** Files of the context. */
  files?: Files;
  /** Files beside the context; flags name them relative to their folder. */
  outside?: Files;
  /** Flags for both builders. */
  args?: readonly string[];
  /** Where the Dockerfile lies in the context. */
  at?: string;
  /** Whose tree `expect.tree` is the difference to. */
  base?: BaseName;
  /** What must come out; compared with both builders. */
  expect?: Expectation;
  /** Why Cambium gives something else, as is known: the case then has to differ, or this has to go. */
  differs?: string;
  /** Why dockerd isn't asked: it is too old, and the reference says what is expected. */
  reference?: string;
  /** The last lines of the history, where BuildKit's words have changed since this dockerd: not compared with it. */
  historyNow?: readonly string[];
  /** Both must refuse it; this is in our message. */
  fails?: RegExp;
}

/** A number that stands in texts and flags for the port of the suite's web server. */
export const portMark = '64999';

function dockerfileText({ dockerfile }: Case): string {
  return typeof dockerfile === 'string' ? dockerfile : `${dockerfile.join('\n')}\n`;
}

/** Writes a case's context and what lies beside it below `dir`: `context/` and the rest. */
export function writeCase(dir: string, one: Case, port: number): void {
  const withPort = (text: string) => text.replaceAll(portMark, String(port));
  mkdirSync(join(dir, 'context'), { recursive: true });
  writeFiles(join(dir, 'context'), { [one.at ?? 'Dockerfile']: withPort(dockerfileText(one)), ...one.files });
  if (one.outside) writeFiles(dir, one.outside);
}

export function writeFiles(dir: string, files: Files): void {
  const folders: [string, number][] = [];
  for (const [name, spec] of Object.entries(files)) {
    const path = join(dir, name);
    mkdirSync(dirname(path), { recursive: true });
    if (typeof spec === 'string') write(path, spec, 0o644);
    else if ('text' in spec) {
      write(path, spec.text, spec.mode ?? 0o644);
      if (spec.owner) chownSync(path, ...spec.owner);
      // A change of the owner takes these bits away.
      if (spec.owner) chmodSync(path, spec.mode ?? 0o644);
      if (spec.capability) execFileSync('setcap', [spec.capability, path]);
    } else if ('bytes' in spec) write(path, Buffer.from(spec.bytes), spec.mode ?? 0o644);
    else if ('folder' in spec) {
      mkdirSync(path, { recursive: true });
      folders.push([path, spec.folder]);
    } else if ('link' in spec) symlinkSync(spec.link, path);
    else if ('hardlink' in spec) linkSync(join(dir, spec.hardlink), path);
    else if ('fifo' in spec) execFileSync('mkfifo', ['-m', spec.fifo.toString(8), path]);
    else
      writeTar(path, spec.tar, [
        ...(spec.compress ? [`--${spec.compress}`] : []),
        ...(spec.rename ? ['-P', `--transform=${spec.rename}`] : []),
      ]);
  }
  for (const [path, mode] of folders) chmodSync(path, mode);
}

function write(path: string, data: string | Buffer, mode: number): void {
  writeFileSync(path, data);
  chmodSync(path, mode);
}

function writeTar(path: string, files: Files, flags: readonly string[]): void {
  const folder = mkdtempSync(join(dirname(path), '.tar-'));
  try {
    writeFiles(folder, files);
    execFileSync('tar', ['-C', folder, '--sort=name', '--numeric-owner', ...flags, '-cf', path, '.']);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
