/** Which ignore file holds for a build: `NAME.dockerignore` beside the Dockerfile, else the context's `.dockerignore`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf, explainSystemError } from '../../../kit/errors.ts';
import { parseIgnoreFile } from '../../../kit/ignore.ts';
import { fsPath } from '../../../kit/names.ts';

export interface IgnoreFile {
  path: string;
  patterns: readonly string[];
}

/**
 * Reads the ignore file; undefined where there is none. `dockerfile` is undefined when it came from elsewhere than a
 * file, `context` when the context is no folder. An empty `NAME.dockerignore` holds too: then nothing is left out.
 */
export function readIgnoreFile(
  dockerfile: string | undefined,
  context: string | undefined,
): IgnoreFile | undefined {
  const own = dockerfile === undefined ? undefined : readFrom(`${dockerfile}.dockerignore`);
  return own ?? (context === undefined ? undefined : readFrom(join(context, '.dockerignore')));
}

function readFrom(path: string): IgnoreFile | undefined {
  try {
    return { path, patterns: parseIgnoreFile(readFileSync(fsPath(path), 'utf8')) };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw explainSystemError(error, `reading ${path}`);
  }
}
