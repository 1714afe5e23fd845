/** The program's two streams: writing to them, whether they are terminals, and colours. */
import { createColors } from 'picocolors';

export type Colors = ReturnType<typeof createColors>;

/** Writes to standard output: what a command was asked for. */
export function print(text: string): void {
  write(process.stdout, text);
}

/** Writes to standard error: what is said about it. */
export function tell(text: string): void {
  write(process.stderr, text);
}

/** A reader that went away (`cambium plan | head`) is no failure: what else is written to it is dropped. */
function write(stream: NodeJS.WriteStream, text: string): void {
  if (stream.listenerCount('error') === 0) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  if (stream.writable) stream.write(text);
}

/** Colours for a stream: as NO_COLOR and FORCE_COLOR say, else when it is a terminal that knows them. */
export function colorsFor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): Colors {
  return createColors(wantsColor(stream, env));
}

function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false;
  const forced = env['FORCE_COLOR'];
  if (forced !== undefined) return forced !== '0' && forced !== 'false';
  return stream.isTTY === true && env['TERM'] !== 'dumb';
}
