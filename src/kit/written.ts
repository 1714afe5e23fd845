/** The end of what goes to a reader: the program must not end while the reader hasn't taken all of it. */
import type { Writable } from 'node:stream';

/** Resolves once all that was written is out; a stream that is not ended doesn't tell otherwise. */
export function written(stream: Writable): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.once('error', reject);
    stream.write('', (error) => {
      stream.off('error', reject);
      if (error) reject(error);
      else resolve();
    });
  });
}
