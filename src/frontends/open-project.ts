/** A build file as the command line names it → what the build of it is asked. Reads standard input where that is the file. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { outside, wrongUse } from '../kit/errors.ts';
import type { Store } from '../store/store.ts';
import type { BuildContext, DockerfileOptions } from './dockerfile/request.ts';
import { findBuildFile } from './find.ts';
import type { PlanRequest } from './request.ts';

export interface ProjectFlags extends Omit<DockerfileOptions, 'context' | 'text' | 'fileInContext' | 'cwd'> {
  where: string;
  file?: string;
}

export interface OpenProject extends Disposable {
  path: string;
  /** For a Dockerfile. */
  dockerfile?: DockerfileOptions;
}

/** Errors are `UserError`s of wrong use. Dispose of it after the build. */
export async function openProject(flags: ProjectFlags, cwd: string): Promise<OpenProject> {
  const { where, file, ...options } = flags;
  const { path, context } = findBuildFile(where, file, cwd);
  if (context === undefined) return { path, [Symbol.dispose]() {} };
  if (context !== '-') {
    const text = path === '-' ? { text: readFileSync(0) } : {};
    const place = await placeOf(context);
    const inside = place.type === 'source' ? { fileInContext: path } : {};
    return {
      path,
      dockerfile: { ...options, ...text, ...inside, cwd, context: place },
      [Symbol.dispose]() {},
    };
  }
  const input = readFileSync(0);
  if (!isArchive(input)) {
    if (path !== '-')
      throw wrongUse('bad-file', 'Standard input is no archive, so -f can name no file in it.');
    return {
      path,
      dockerfile: { ...options, cwd, text: input, context: { type: 'none' } },
      [Symbol.dispose]() {},
    };
  }
  const dir = temporaryFolder();
  const tarball = join(dir, 'context.tar');
  writeFileSync(tarball, input, { mode: 0o600 });
  const fileInContext = path === '-' ? 'Dockerfile' : path;
  const source: BuildContext = { type: 'source', source: { type: 'tarball', path: tarball } };
  return {
    path: fileInContext,
    dockerfile: { ...options, cwd, context: source, fileInContext },
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  };
}

/** What the frontend is asked where nothing is built: the configuration of base images is looked up in the store. */
export function requestOf(
  store: Store,
  path: string,
  dockerfile: DockerfileOptions,
  target: string | undefined,
): PlanRequest & { dockerfile: DockerfileOptions } {
  return {
    path,
    set: {},
    dockerfile,
    ...(target !== undefined && { target }),
    evaluate: () => {
      throw wrongUse('bad-value', 'A context that has to be fetched can only be built.');
    },
    hostIdentity: () => ({}),
    resolveImage: async (source) => {
      const { resolveImage } = await import('./resolve-image.ts');
      return resolveImage(store, source);
    },
  };
}

async function placeOf(context: string): Promise<BuildContext> {
  if (context.startsWith('/')) return { type: 'folder', path: context };
  const { remoteSource } = await import('./dockerfile/plan/places.ts');
  const source = remoteSource(context);
  if (source === undefined) throw wrongUse('bad-context', `\`${context}\` is no context of a build.`);
  return { type: 'source', source: source.type === 'http' ? { ...source, unpack: true } : source };
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'cambium-'));
  } catch (error) {
    throw outside('no-temporary-folder', `No temporary folder can be made in ${tmpdir()}.`, {
      hint: 'Name another place with TMPDIR.',
      cause: error,
    });
  }
}

/** A tar, plain or compressed. */
function isArchive(data: Uint8Array): boolean {
  const starts = (...bytes: number[]) => bytes.every((byte, at) => data[at] === byte);
  const isCompressed =
    starts(0x1f, 0x8b) ||
    starts(0x28, 0xb5, 0x2f, 0xfd) ||
    starts(0x42, 0x5a, 0x68) ||
    starts(0xfd, 0x37, 0x7a);
  return isCompressed || Buffer.from(data.subarray(257, 262)).toString('latin1') === 'ustar';
}
