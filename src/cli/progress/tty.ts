/** Progress for a person at a terminal: draws the view ten times a second while something changes. */
import type { BuildEvent, StepId } from '../../plan/index.ts';
import type { Colors } from '../io.ts';
import { endedLine, liveLines, outputLine, type Screen, withReason } from './frame.ts';
import { createLiveRegion } from './region.ts';
import type { Renderer } from './renderer.ts';
import { applyEvent, emptyView, isShown } from './view.ts';

const frameMs = 100;

export interface Terminal {
  columns?: number;
  rows?: number;
  write(text: string): unknown;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/** `saysWhy`: each step that ran says why it had to. */
export function ttyRenderer(
  terminal: Terminal,
  colors: Colors,
  { saysWhy = false, now = Date.now }: { saysWhy?: boolean; now?: () => number } = {},
): Renderer {
  const view = emptyView(now());
  const region = createLiveRegion(terminal);
  let staying: string[] = [];
  let isClosed = false;

  const screen = (): Screen => ({ columns: terminal.columns ?? 80, rows: terminal.rows ?? 24, colors });
  const draw = () => {
    // Until there is a plan a signal may end this process without a word, and the cursor would stay hidden.
    region.draw(staying, liveLines(view, now(), screen()), { hidesCursor: view.steps.length > 0 });
    staying = [];
  };
  const timer = setInterval(draw, frameMs);
  timer.unref();
  terminal.on('resize', draw);

  const close = () => {
    if (isClosed) return;
    isClosed = true;
    clearInterval(timer);
    terminal.off('resize', draw);
    process.off('exit', close);
    if (staying.length > 0) region.draw(staying, []);
    region.close();
  };
  // However the process ends, the cursor must come back.
  process.on('exit', close);

  const leave = (id: StepId) => {
    const step = view.byId.get(id);
    if (step && isShown(step)) staying.push(endedLine(saysWhy ? withReason(step) : step, view, screen()));
  };
  return {
    onEvent(event: BuildEvent) {
      applyEvent(view, event);
      switch (event.type) {
        case 'step-done':
        case 'step-reused':
        case 'step-failed':
          leave(event.step);
          break;
        case 'step-cancelled':
          // Those that never began are many and say nothing; the summary counts them.
          if (view.byId.get(event.step)?.startedAt !== undefined) leave(event.step);
          break;
        case 'output-done': {
          const output = view.outputs.get(event.output);
          if (output) staying.push(outputLine(output, view, screen()));
          break;
        }
        case 'warning':
          staying.push(`${colors.yellow('warning:')} ${event.message}`);
          break;
      }
    },
    note(line) {
      staying.push(line);
      draw();
    },
    close,
  };
}
