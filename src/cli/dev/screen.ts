/** How `dev` is shown: live on a terminal, as lines elsewhere, or as JSON for programs. */
import type { BuildEvent } from '../../plan/index.ts';
import { type Colors, colorsFor, print, standardError, tell } from '../io.ts';
import { liveLines } from '../progress/frame.ts';
import { createLiveRegion } from '../progress/region.ts';
import { type ProgressMode, resolveMode } from '../progress/renderer.ts';
import type { BuildView } from '../progress/view.ts';
import { cut } from '../text.ts';
import { tellStory } from './story.ts';

export interface DevScreen {
  onEvent(event: BuildEvent): void;
  /** Says something that is no event; `json` is what programs are told instead. */
  tell(text: string, json?: string): void;
  /** What stands below all else while nothing is built. */
  setStatus(text: string): void;
  setBusy(isBusy: boolean): void;
  /** Leaves the terminal to another program, until `resume`. */
  pause(): void;
  resume(): void;
  close(): void;
  /** Tells the last lines that the steps of the last build printed. */
  showLog(): void;
  /** A person at a terminal looks at it, and may press keys. */
  isLive: boolean;
}

const frameMs = 100;
const keys = 'r rebuild  c clean  v verify  s shell  l log  q quit';

export function openScreen(progress: ProgressMode, cwd: string): DevScreen {
  const mode = resolveMode(progress, standardError, process.env);
  switch (mode) {
    case 'json':
      return jsonScreen();
    case 'tty':
      return liveScreen(cwd);
    default:
      return plainScreen(cwd, mode === 'none');
  }
}

const still = {
  setStatus: () => {},
  setBusy: () => {},
  pause: () => {},
  resume: () => {},
  close: () => {},
  showLog: () => {},
  isLive: false,
};

function jsonScreen(): DevScreen {
  return {
    ...still,
    onEvent: (event) => print(`${JSON.stringify(event)}\n`),
    tell: (_text, json) => {
      if (json !== undefined) print(json);
    },
  };
}

function plainScreen(cwd: string, isSilent: boolean): DevScreen {
  const colors = colorsFor(standardError);
  const story = tellStory({ colors, columns: () => 100, cwd, showsOutput: true });
  const write = (lines: readonly string[]) => {
    if (!isSilent && lines.length > 0) tell(`${lines.join('\n')}\n`);
  };
  return {
    ...still,
    onEvent: (event) => write(story.onEvent(event)),
    tell: (text) => write(story.tell(text)),
  };
}

function liveScreen(cwd: string): DevScreen {
  const terminal = process.stderr;
  const colors = colorsFor(standardError);
  const columns = () => terminal.columns ?? 80;
  const story = tellStory({ colors, columns, cwd, showsOutput: false });
  const region = createLiveRegion(terminal);
  let staying: string[] = [];
  let status = '';
  let isBusy = false;
  let isPaused = false;

  const live = (): string[] => {
    const foot = colors.dim(cut(keys, columns() - 1));
    if (!isBusy) return [cut(status, columns() - 1), foot];
    const screen = { columns: columns(), rows: (terminal.rows ?? 24) - 1, colors };
    return [...liveLines(story.view(), Date.now(), screen), foot];
  };
  const draw = () => {
    if (isPaused) return;
    region.draw(staying, live());
    staying = [];
  };
  const add = (lines: readonly string[]) => {
    staying.push(...lines);
    if (lines.length > 0) draw();
  };
  const timer = setInterval(draw, frameMs);
  terminal.on('resize', draw);
  const close = () => {
    if (isPaused) return;
    draw();
    isPaused = true;
    clearInterval(timer);
    terminal.off('resize', draw);
    process.off('exit', close);
    region.close();
  };
  // However the process ends, the cursor must come back.
  process.on('exit', close);
  return {
    isLive: true,
    onEvent: (event) => add(story.onEvent(event)),
    tell: (text) => add(story.tell(text)),
    setStatus(text) {
      status = text;
    },
    setBusy(next) {
      isBusy = next;
      draw();
    },
    pause() {
      draw();
      region.close();
      isPaused = true;
    },
    resume() {
      isPaused = false;
      draw();
    },
    close,
    showLog: () => add(logOf(story.view(), colors)),
  };
}

function logOf({ steps }: BuildView, colors: Colors): string[] {
  const lines = steps.flatMap(({ stage, tail }) => tail.map((line) => `${colors.dim(`${stage} |`)} ${line}`));
  return lines.length > 0 ? lines : [colors.dim('no step of the last build printed anything')];
}
