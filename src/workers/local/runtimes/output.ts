/**
 * A run's output on its way to a reader: whole UTF-8 characters whatever the chunks were, and without what the
 * runtime itself says when it couldn't start the command (that is told as a result instead).
 */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

type Sink = (stream: 'stdout' | 'stderr', text: string) => void;

/** How runtimes begin what they say on standard error before or instead of the command. */
const ownWords = /^(?:runc run failed: |exec \/[^\n]*: |crun: )/;

export interface OutputReader {
  /** What the runtime may have said itself, held back. */
  held(): string;
  /** Call at the end: hands on what is left; `discardHeld` when it was the runtime's own. */
  finish(options: { discardHeld: boolean }): void;
}

export function readOutput(streams: { stdout: Readable; stderr: Readable }, sink: Sink): OutputReader {
  let held = '';
  let begun = false;
  const release = () => {
    if (held !== '') sink('stderr', held);
    held = '';
    begun = true;
  };
  const decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  const take = (stream: 'stdout' | 'stderr', text: string) => {
    if (text === '') return;
    if (stream === 'stderr' && !begun && held === '' && ownWords.test(text)) {
      held = text;
      return;
    }
    release();
    sink(stream, text);
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    streams[stream].on('data', (chunk: Buffer) => take(stream, decoders[stream].write(chunk)));
    // A pipe that breaks ends the output; the exit code tells the rest.
    streams[stream].on('error', () => {});
  }
  return {
    held: () => held,
    finish({ discardHeld }) {
      if (discardHeld) held = '';
      else release();
      for (const stream of ['stdout', 'stderr'] as const) take(stream, decoders[stream].end());
    },
  };
}
