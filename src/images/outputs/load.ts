/** Gives an image to the Docker daemon, through the `docker` program. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { errnoOf, outside } from '../../kit/errors.ts';
import { streamArchive } from './archive.ts';
import type { Part } from './parts.ts';

/** Pipes the archive into `docker load`; returns its length. */
export async function loadIntoDocker(parts: readonly Part[], signal?: AbortSignal): Promise<number> {
  const child = spawn('docker', ['load', '--quiet'], {
    stdio: ['pipe', 'ignore', 'pipe'],
    ...(signal ? { signal } : {}),
  });
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  // What the program says tells more than the pipe that breaks when it ends.
  const sent = streamArchive(parts, child.stdin, signal).then(
    (bytes) => {
      child.stdin.end();
      return bytes;
    },
    () => 0,
  );
  child.stdin.on('error', () => {});
  try {
    const [code] = await closed;
    if (code === 0) return await sent;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      throw outside(
        'missing-program',
        'The program docker is needed to load an image into the Docker daemon.',
        {
          hint: 'Install it (apt-get install docker.io), or write a tar: -o type=docker,dest=image.tar',
          cause: error,
        },
      );
    }
    throw error;
  }
  throw outside('docker-load', `\`docker load\` failed: ${complaint.trim() || 'it said nothing'}.`, {
    hint: 'Is the daemon running? See `docker info`.',
  });
}
