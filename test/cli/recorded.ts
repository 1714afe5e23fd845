/** A build as it was recorded: one stage reused, one that runs, one that fails, one that never begins. */
import type { BuildEvent, SnapshotId, StepId, StepKey } from '../../src/plan/index.ts';

const start = 1_700_000_000_000;
const key = 'a'.repeat(64) as StepKey;
const snapshot = 'snap1' as SnapshotId;
const step = (name: string) => name as StepId;

export const startedAt = start;

const planned: BuildEvent[] = [
  { type: 'build-started', at: start, buildId: 'b1', steps: 4 },
  ...['base', 'packages', 'hardening-of-the-whole-system', 'service'].flatMap((stage): BuildEvent[] => [
    {
      type: 'step-planned',
      at: start,
      step: step(`${stage}.in`),
      stage,
      title: `inputs of ${stage}`,
      internal: true,
    },
    { type: 'step-planned', at: start, step: step(stage), stage, title: 'apply.sh', internal: false },
  ]),
];

/** Up to the moment, 12.4 s after the start, when two steps run. */
export const running: BuildEvent[] = [
  ...planned,
  { type: 'step-reused', at: start + 10, step: step('base.in'), key, snapshot, savedMs: 3 },
  { type: 'step-reused', at: start + 11, step: step('base'), key, snapshot, savedMs: 61_000 },
  {
    type: 'step-started',
    at: start + 20,
    step: step('packages.in'),
    key,
    reason: 'stages/packages/apply.sh changed',
  },
  { type: 'step-done', at: start + 30, step: step('packages.in'), key, snapshot, durationMs: 10 },
  { type: 'step-started', at: start + 400, step: step('packages'), key, reason: 'apply.sh changed' },
  {
    type: 'step-output',
    at: start + 900,
    step: step('packages'),
    stream: 'stdout',
    text: 'Reading package lists...\nBuild',
  },
  {
    type: 'step-output',
    at: start + 1000,
    step: step('packages'),
    stream: 'stderr',
    text: 'W: \x1b[33mno lists\x1b[0m\n',
  },
  {
    type: 'step-output',
    at: start + 1400,
    step: step('packages'),
    stream: 'stdout',
    text: 'ing dependency tree\n10%\r50%\r100%\n',
  },
  {
    type: 'step-waiting',
    at: start + 2000,
    step: step('hardening-of-the-whole-system'),
    reason: 'another process runs the same step',
  },
];

export const failed: BuildEvent[] = [
  ...running,
  { type: 'step-done', at: start + 12_400, step: step('packages'), key, snapshot, durationMs: 12_000 },
  {
    type: 'step-started',
    at: start + 12_500,
    step: step('hardening-of-the-whole-system'),
    key,
    reason: 'the stage before it changed',
  },
  {
    type: 'step-output',
    at: start + 12_900,
    step: step('hardening-of-the-whole-system'),
    stream: 'stderr',
    text: 'chmod: cannot access: 許可がありません\n',
  },
  {
    type: 'step-failed',
    at: start + 13_500,
    step: step('hardening-of-the-whole-system'),
    failure: {
      reason: 'exit',
      exitCode: 3,
      message: 'apply.sh ended with exit code 3',
      tail: ['chmod: cannot access: 許可がありません'],
      workspaceKept: true,
    },
  },
  {
    type: 'step-cancelled',
    at: start + 13_501,
    step: step('service'),
    reason: 'a step that it needs failed',
  },
  {
    type: 'build-done',
    at: start + 13_600,
    outcome: 'failed',
    ran: 1,
    reused: 1,
    savedMs: 61_000,
    durationMs: 13_600,
    tags: [],
  },
];

export const written: BuildEvent[] = [
  { type: 'output-started', at: start + 100, output: 'docker' },
  { type: 'output-progress', at: start + 200, output: 'docker', message: 'layer 2 of 3' },
  {
    type: 'output-done',
    at: start + 900,
    output: 'docker',
    dest: '/out/hello.tar',
    bytes: 13_000_000,
    durationMs: 800,
  },
  { type: 'warning', at: start + 950, code: 'old-base', message: 'The base is old.' },
];
