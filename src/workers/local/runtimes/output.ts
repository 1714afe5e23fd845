/**
 * A run's output on its way to a reader: whole UTF-8 characters whatever the chunks were, and without what the
 * runtime itself says when it couldn't start the command (that is told as a result instead).
 */
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

type Sink = (stream: 'stdout' | 'stderr', text: string) => void;

/** Whether a piece belongs to what is held back: up to the end of its line, which may come in pieces. */
function isOwn(held: string, piece: string, isRuntimes: (text: string) => boolean): boolean {
  return held === '' ? isRuntimes(piece) : !held.includes('\n');
}

export interface OutputReader {
  /** What the runtime may have said itself, held back. */
  held(): string;
  /** Call at the end: hands on what is left; `discardHeld` when it was the runtime's own. */
  finish(options: { discardHeld: boolean }): void;
}

/** `isRuntimes`: whether the first text on standard error may be the runtime's own, and is to be held back. */
export function readOutput(
  streams: { stdout: Readable; stderr: Readable },
  sink: Sink,
  isRuntimes: (text: string) => boolean,
): OutputReader {
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
    if (stream === 'stderr' && !begun && isOwn(held, text, isRuntimes)) {
      held += text;
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

/** Hands standard error on as it comes, byte by byte, but for what the runtime may have said itself. */
export function relayErrors(
  stream: Readable,
  sink: (chunk: Uint8Array) => void,
  isRuntimes: (text: string) => boolean,
): OutputReader {
  let held = '';
  let begun = false;
  const release = () => {
    if (held !== '') sink(Buffer.from(held, 'latin1'));
    held = '';
    begun = true;
  };
  stream.on('data', (chunk: Buffer) => {
    const text = begun ? '' : chunk.toString('latin1');
    if (!begun && isOwn(held, text, isRuntimes)) held += text;
    else {
      release();
      sink(chunk);
    }
  });
  stream.on('error', () => {});
  return {
    held: () => held,
    finish({ discardHeld }) {
      if (!discardHeld) release();
    },
  };
}
