/** What is known of a build at one moment, put together from its events. Renderers draw it. */

import { shownName } from '../../kit/names.ts';
import type { BuildDone, BuildEvent, StepId, Warning } from '../../plan/index.ts';
import { cleanLine, type LineSplitter, lineSplitter, titleBeside } from '../text.ts';

export type StepState = 'waiting' | 'running' | 'blocked' | 'done' | 'reused' | 'failed' | 'cancelled';

export interface StepView {
  id: StepId;
  stage: string;
  title: string;
  internal: boolean;
  state: StepState;
  /** When it began to run. */
  startedAt?: number;
  durationMs?: number;
  /** Why it runs, waits or was cancelled. */
  reason?: string;
  /** Last lines of output, oldest first. */
  tail: string[];
  /** Line that has begun and not ended, by stream. */
  splitters: { stdout: LineSplitter; stderr: LineSplitter };
}

export interface OutputView {
  name: string;
  startedAt: number;
  message?: string;
  done?: { dest: string; bytes: number; durationMs: number };
}

export interface BuildView {
  startedAt: number;
  /** In plan order. */
  steps: StepView[];
  byId: Map<StepId, StepView>;
  outputs: Map<string, OutputView>;
  warnings: Warning[];
  done?: BuildDone;
}

/** Lines of output that a view keeps of each step. */
const keptLines = 20;

export function emptyView(startedAt: number): BuildView {
  return { startedAt, steps: [], byId: new Map(), outputs: new Map(), warnings: [] };
}

/** Takes one event in. Steps that were never planned are ignored. */
export function applyEvent(view: BuildView, event: BuildEvent): void {
  if ('step' in event) applyStepEvent(view, event);
  else if ('output' in event) applyOutputEvent(view, event);
  else if (event.type === 'build-started') view.startedAt = event.at;
  else if (event.type === 'warning') view.warnings.push(event);
  else if (event.type === 'build-done') view.done = event;
}

function applyStepEvent(view: BuildView, event: Extract<BuildEvent, { step: StepId }>): void {
  if (event.type === 'step-planned') {
    plan(view, event);
    return;
  }
  const step = view.byId.get(event.step);
  if (!step) return;
  switch (event.type) {
    case 'step-started':
      Object.assign(step, { state: 'running', startedAt: event.at, reason: event.reason });
      break;
    case 'step-waiting':
      Object.assign(step, { state: 'blocked', startedAt: step.startedAt ?? event.at, reason: event.reason });
      break;
    case 'step-output':
      step.splitters[event.stream].push(event.text);
      break;
    case 'step-done':
      endOutput(step);
      Object.assign(step, { state: 'done', durationMs: event.durationMs });
      break;
    case 'step-reused':
      step.state = 'reused';
      break;
    case 'step-failed':
      endOutput(step);
      step.state = 'failed';
      if (step.startedAt !== undefined) step.durationMs = event.at - step.startedAt;
      break;
    case 'step-cancelled':
      endOutput(step);
      Object.assign(step, { state: 'cancelled', reason: event.reason });
      break;
  }
}

function endOutput(step: StepView): void {
  step.splitters.stdout.end();
  step.splitters.stderr.end();
}

function plan(view: BuildView, event: Extract<BuildEvent, { type: 'step-planned' }>): void {
  const tail: string[] = [];
  const keep = (line: string) => {
    const clean = cleanLine(line).trimEnd();
    if (clean === '') return;
    tail.push(clean);
    if (tail.length > keptLines) tail.shift();
  };
  const { step: id, stage, internal } = event;
  const title = titleBeside(stage, event.title);
  const splitters = { stdout: lineSplitter(keep), stderr: lineSplitter(keep) };
  const step: StepView = { id, stage, title, internal, state: 'waiting', tail, splitters };
  view.steps.push(step);
  view.byId.set(id, step);
}

function applyOutputEvent(view: BuildView, event: Extract<BuildEvent, { output: string }>): void {
  if (event.type === 'output-started') {
    view.outputs.set(event.output, { name: shownName(event.output), startedAt: event.at });
    return;
  }
  const output = view.outputs.get(event.output);
  if (!output) return;
  if (event.type === 'output-progress') output.message = event.message;
  else output.done = { dest: shownName(event.dest), bytes: event.bytes, durationMs: event.durationMs };
}

/** Whether a person sees this step: those that only carry inputs show when they fail. */
export function isShown(step: StepView): boolean {
  return !step.internal || step.state === 'failed';
}

/** How many of the steps that a person sees have ended, and how many there are. */
export function countSteps(view: BuildView): { ended: number; running: number; total: number } {
  let ended = 0;
  let running = 0;
  let total = 0;
  for (const step of view.steps) {
    if (!isShown(step)) continue;
    total += 1;
    if (step.state === 'running') running += 1;
    else if (step.state !== 'waiting' && step.state !== 'blocked') ended += 1;
  }
  return { ended, running, total };
}
