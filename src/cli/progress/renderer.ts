/** What reads a build's events and shows them; and which one is taken. */
import type { BuildEvent, EventSink } from '../../plan/index.ts';
import { tell } from '../io.ts';

export interface Renderer {
  onEvent: EventSink;
  /** Tells a person something beside the events. */
  note(line: string): void;
  /** Ends what is drawn live; nothing is shown after it. */
  close(): void;
}

export const progressModes = ['auto', 'tty', 'plain', 'json', 'none'] as const;
export type ProgressMode = (typeof progressModes)[number];

/** The mode that `auto` stands for: live on a terminal that a person looks at, else plain. */
export function resolveMode(
  mode: ProgressMode,
  stream: { isTTY?: boolean },
  env: NodeJS.ProcessEnv,
): Exclude<ProgressMode, 'auto'> {
  if (mode !== 'auto') return mode;
  const isWatched = stream.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'];
  return isWatched ? 'tty' : 'plain';
}

export function silentRenderer(): Renderer {
  return { onEvent: () => {}, note, close: () => {} };
}

/** One JSON object a line, as docs/events.schema.json describes them. */
export function jsonRenderer(write: (text: string) => void): Renderer {
  return {
    onEvent: (event: BuildEvent) => write(`${JSON.stringify(event)}\n`),
    note,
    close: () => {},
  };
}

function note(line: string): void {
  tell(`${line}\n`);
}
