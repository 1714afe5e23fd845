/**
 * Progress for logs: every line of output, each with its step's number, in the form that people know from BuildKit.
 * A step that another one interrupted is set apart by an empty line.
 */
import { shownName } from '../../kit/names.ts';
import type { BuildEvent, StepId } from '../../plan/index.ts';
import {
  cleanLine,
  formatBytes,
  formatDuration,
  type LineSplitter,
  lineSplitter,
  titleBeside,
} from '../text.ts';
import type { Renderer } from './renderer.ts';

interface Section {
  number: number;
  title: string;
  hasTitle: boolean;
  startedAt: number;
  lines: LineSplitter[];
}

type Planned = Extract<BuildEvent, { type: 'step-planned' }>;

export function plainRenderer(write: (text: string) => void): Renderer {
  const planned = new Map<StepId, Planned>();
  const sections = new Map<string, Section>();
  let current: Section | undefined;
  let numbers = 0;

  /** Steps get numbers as they are first shown: those that only carry inputs usually never are. */
  const section = (key: string, title: string, at: number): Section => {
    let found = sections.get(key);
    if (!found) {
      numbers += 1;
      found = { number: numbers, title, hasTitle: false, startedAt: at, lines: [] };
      sections.set(key, found);
    }
    return found;
  };
  const say = (to: Section, text: string) => {
    if (current && current !== to) write('\n');
    if (!to.hasTitle) write(`#${to.number} ${to.title}\n`);
    to.hasTitle = true;
    current = to;
    write(`#${to.number} ${text}\n`);
  };
  const outputSplitter = (to: Section, clock: { at: number }) =>
    lineSplitter((line) =>
      say(to, `${((clock.at - to.startedAt) / 1000).toFixed(3)} ${cleanLine(line)}`.trimEnd()),
    );

  const clocks = new Map<Section, { at: number }>();
  const output = (to: Section, event: Extract<BuildEvent, { type: 'step-output' }>) => {
    let clock = clocks.get(to);
    if (!clock) {
      clock = { at: event.at };
      clocks.set(to, clock);
      to.lines = [outputSplitter(to, clock), outputSplitter(to, clock)];
    }
    clock.at = event.at;
    to.lines[event.stream === 'stdout' ? 0 : 1]?.push(event.text);
  };
  const end = (to: Section, text: string) => {
    for (const splitter of to.lines) splitter.end();
    say(to, text);
  };

  const onStepEvent = (event: Extract<BuildEvent, { step: StepId }>) => {
    if (event.type === 'step-planned') {
      planned.set(event.step, event);
      return;
    }
    const step = planned.get(event.step);
    if (!step || (step.internal && event.type !== 'step-failed')) return;
    const to = section(`step ${event.step}`, titleOf(step), event.at);
    switch (event.type) {
      case 'step-started':
        to.startedAt = event.at;
        say(to, `RUN (${event.reason})`);
        break;
      case 'step-waiting':
        say(to, `WAIT ${event.reason}`);
        break;
      case 'step-output':
        output(to, event);
        break;
      case 'step-done':
        end(to, `DONE ${formatDuration(event.durationMs)}`);
        break;
      case 'step-reused':
        end(to, 'CACHED');
        break;
      case 'step-failed':
        end(to, `ERROR: ${event.failure.message}`);
        break;
      case 'step-cancelled':
        end(to, `CANCELED ${event.reason}`);
        break;
    }
  };
  const onOutputEvent = (event: Extract<BuildEvent, { output: string }>) => {
    const to = section(`output ${event.output}`, `writing ${shownName(event.output)}`, event.at);
    if (event.type === 'output-progress') say(to, event.message);
    if (event.type === 'output-done') {
      say(
        to,
        `DONE ${formatDuration(event.durationMs)} ${shownName(event.dest)} (${formatBytes(event.bytes)})`,
      );
    }
  };

  return {
    onEvent(event) {
      if ('step' in event) onStepEvent(event);
      else if ('output' in event) onOutputEvent(event);
      else if (event.type === 'warning') write(`WARNING: ${event.message}\n`);
    },
    note(line) {
      write(`${line}\n`);
    },
    close() {
      if (current) write('\n');
      current = undefined;
    },
  };
}

function titleOf(step: Planned): string {
  return `[${step.stage}] ${titleBeside(step.stage, step.title)}`.trimEnd();
}
