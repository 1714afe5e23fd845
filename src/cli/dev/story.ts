/** What `dev` tells people, as lines that stay: which files changed, what ran and why, what became of it. */
import { relative } from 'node:path';
import type { BuildEvent, Rebuilt, ServiceState } from '../../plan/index.ts';
import type { Colors } from '../io.ts';
import { endedLine, withReason } from '../progress/frame.ts';
import { applyEvent, type BuildView, emptyView, isShown } from '../progress/view.ts';
import { formatSummary } from '../report.ts';
import { cleanLine, cut, formatDuration, type LineSplitter, lineSplitter, plural } from '../text.ts';
import { formatPhases } from './phases.ts';

export interface Story {
  /** Takes an event in; gives the lines that it adds. */
  onEvent(event: BuildEvent): string[];
  /** Lines about something else: after those that led to it. */
  tell(text: string): string[];
  /** The build that is under way, or was the last. */
  view(): BuildView;
}

export interface StoryOptions {
  colors: Colors;
  columns: () => number;
  /** What paths are shown relative to. */
  cwd: string;
  /** Output of steps is told too, line by line. */
  showsOutput: boolean;
}

/** Paths that are named. */
const namedPaths = 3;

export function tellStory({ colors, columns, cwd, showsOutput }: StoryOptions): Story {
  let view = emptyView(Date.now());
  /** Told when something comes of it. */
  let held: string[] = [];
  let lastIdle = '';
  const splitters = new Map<string, { lines: string[]; splitter: LineSplitter }>();

  const release = (lines: readonly string[]): string[] => {
    const all = [...held, ...lines];
    held = [];
    if (all.length > 0) lastIdle = '';
    return all;
  };
  const linesOf = (key: string, prefix: string, text: string | undefined): string[] => {
    let found = splitters.get(key);
    if (found === undefined) {
      const lines: string[] = [];
      const push = (line: string) => lines.push(`${colors.dim(prefix)} ${cleanLine(line)}`.trimEnd());
      found = { lines, splitter: lineSplitter(push) };
      splitters.set(key, found);
    }
    if (text === undefined) found.splitter.end();
    else found.splitter.push(text);
    return found.lines.splice(0);
  };
  const endOf = (event: BuildEvent & { step: string }): string[] => {
    const rest = showsOutput
      ? ['stdout', 'stderr'].flatMap((stream) =>
          linesOf(`${event.step} ${stream}`, stageOf(event.step), undefined),
        )
      : [];
    const step = view.steps.find(({ id }) => id === event.step);
    if (step === undefined || !isShown(step)) return rest;
    return [...rest, endedLine(withReason(step), view, { columns: columns(), rows: 24, colors })];
  };
  const stageOf = (id: string) => `${view.steps.find((step) => step.id === id)?.stage ?? ''} |`;

  const onRebuilt = (event: Rebuilt): string[] => {
    const { phases, newBytes, isNew } = event;
    if (isNew) {
      const summary = view.done ? [formatSummary(view.done, colors).trimEnd()] : [];
      return release([...summary, colors.dim(cut(`  ${formatPhases(phases, newBytes)}`, columns() - 1))]);
    }
    // Once is enough of a file that changes all the time and is no part of the image.
    const idle = held.length === 0 ? '' : held.join('\n').replace(/^\S+ /, '');
    if (idle === '' || idle === lastIdle) {
      held = [];
      return [];
    }
    const lines = release([colors.dim('  the image is the same')]);
    lastIdle = idle;
    return lines;
  };

  return {
    view: () => view,
    tell: (text) => release(text.trimEnd().split('\n')),
    onEvent(event) {
      if (event.type === 'build-started') {
        view = emptyView(event.at);
      }
      applyEvent(view, event);
      switch (event.type) {
        case 'watching': {
          const how =
            event.mode === 'polling'
              ? 'looking at all files again and again: the system has no more watches'
              : `watching ${plural(event.folders, 'folder')}`;
          return [colors.dim(how)];
        }
        case 'edited':
          held = [editLine(event.paths, event.count)];
          return [];
        case 'step-started': {
          const step = view.byId.get(event.step);
          return step && isShown(step) ? release([]) : [];
        }
        case 'step-output':
          return showsOutput ? linesOf(`${event.step} ${event.stream}`, stageOf(event.step), event.text) : [];
        case 'step-done':
          return release(endOf(event));
        case 'step-failed':
          return release(endOf(event));
        case 'warning':
          return release([`${colors.yellow('warning:')} ${event.message}`]);
        case 'rebuilt':
          return onRebuilt(event);
        case 'service':
          return serviceLines(event);
        case 'service-output':
          return linesOf(`service ${event.stream}`, 'app |', event.text);
        case 'hook-done': {
          const { exitCode, durationMs, command } = event;
          const mark = exitCode === 0 ? colors.green('✔') : colors.red('✖');
          return [
            `${mark} ${cut(command, columns() - 30)}${exitCode === 0 ? '' : `: exit code ${exitCode}`} ${colors.dim(formatDuration(durationMs))}`,
          ];
        }
        default:
          return [];
      }
    },
  };

  function editLine(paths: readonly string[], count: number): string {
    const named = paths.slice(0, namedPaths).map((path) => {
      const short = relative(cwd, path);
      return cleanLine(short === '' ? '.' : short.startsWith('..') ? path : short);
    });
    const more = count > named.length ? ` and ${count - named.length} more` : '';
    const time = new Date().toTimeString().slice(0, 8);
    return `${colors.dim(time)} ${cut(`${named.join(', ')}${more} changed`, columns() - 10)}`;
  }

  function serviceLines({ state, message }: ServiceState): string[] {
    const why = message === undefined ? '' : `: ${message}`;
    switch (state) {
      case 'starting':
        return [];
      case 'healthy':
        return [`${colors.green('●')} the command runs on the new image`];
      case 'kept':
        return [
          `${colors.red('●')} the command on the new image is not healthy${why}`,
          '  what ran before goes on',
        ];
      case 'ended':
        return [`${colors.yellow('●')} the command ended${why}`];
    }
  }
}
