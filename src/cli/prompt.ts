/** Questions on the terminal. */
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { wrongUse } from '../kit/errors.ts';

/** One line. Throws where nobody is there to answer. */
export function readLine(question: string): Promise<string> {
  return ask(question, process.stderr);
}

/** The same, without showing what is typed. */
export async function readHidden(question: string): Promise<string> {
  process.stderr.write(question);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  try {
    return await ask('', nowhere);
  } finally {
    process.stderr.write('\n');
  }
}

async function ask(question: string, output: Writable): Promise<string> {
  if (!process.stdin.isTTY) {
    throw wrongUse('no-terminal', 'Nobody is there to be asked: standard input is no terminal.', {
      hint: 'Give --username and --password-stdin.',
    });
  }
  // As a terminal it takes the echo on itself: what it would show goes to `output`.
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  const stop = new AbortController();
  lines.once('SIGINT', () => stop.abort());
  try {
    return (await lines.question(question, { signal: stop.signal })).trim();
  } catch (error) {
    if (stop.signal.aborted) process.exit(130);
    throw error;
  } finally {
    lines.close();
  }
}
