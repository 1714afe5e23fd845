/** Rules on what a stage's instructions are: they hold for the stages that are built. */

import { readPorts } from '../language/ports.ts';
import type { KeyValue, Stage, StageInstruction } from '../language/types.ts';
import type { Checker } from './checker.ts';

/** What a stage takes over from the one it is built on. */
export interface StageState {
  /** SHELL was set, here or in a base. */
  hasShell: boolean;
  /** WORKDIR was set in this file. */
  hasWorkdir: boolean;
}

/** Checks a stage, and gives what stages on top of it take over. */
export function checkStage(checker: Checker, stage: Stage, base: StageState): StageState {
  let { hasShell, hasWorkdir } = base;
  const last = new Map<string, StageInstruction>();
  for (const instruction of stage.instructions) {
    switch (instruction.type) {
      case 'shell':
        hasShell = true;
        break;
      case 'workdir':
        if (!hasWorkdir) checkWorkdir(checker, instruction, instruction.path);
        hasWorkdir = true;
        break;
      case 'cmd':
      case 'entrypoint':
        checkOnce(checker, instruction, last);
        if (instruction.command.shell && !hasShell) {
          const message = `${instruction.keyword} runs in a shell, which keeps signals from the program: write a JSON array.`;
          checker.report('JSONArgsRecommended', instruction, message);
        }
        break;
      case 'healthcheck':
        checkOnce(checker, instruction, last);
        break;
      case 'env':
      case 'label':
        checkPairs(checker, instruction, instruction.pairs);
        break;
      case 'arg':
        for (const { name } of instruction.args) checkSecret(checker, instruction, name);
        break;
      case 'expose':
        // Words with variables are the planner's: it has their values.
        checkPorts(
          checker,
          instruction,
          instruction.ports.filter((port) => !port.includes('$')),
        );
        break;
    }
  }
  return { hasShell, hasWorkdir };
}

/** Of several, the earlier ones are to blame: they mean nothing. */
function checkOnce(
  checker: Checker,
  instruction: StageInstruction,
  last: Map<string, StageInstruction>,
): void {
  const before = last.get(instruction.type);
  last.set(instruction.type, instruction);
  if (before === undefined) return;
  const message = `${instruction.keyword} stands in this stage again below, and only the last one counts.`;
  checker.report('MultipleInstructionsDisallowed', before, message);
}

/** A path with a variable at its start is judged by the planner, once it is expanded. */
function checkWorkdir(checker: Checker, instruction: StageInstruction, path: string): void {
  if (/^["']?\$/.test(path)) return;
  checkWorkdirPath(checker, instruction, path.replace(/^["']/, ''));
}

/** WorkdirRelativePath for a path that is expanded. */
function checkWorkdirPath(checker: Checker, instruction: StageInstruction, path: string): void {
  if (path.startsWith('/')) return;
  const message = `WORKDIR ${path} is relative: where it is depends on the base image.`;
  checker.report('WorkdirRelativePath', instruction, message);
}

function checkPairs(checker: Checker, instruction: StageInstruction, pairs: readonly KeyValue[]): void {
  const { keyword } = instruction;
  for (const { key, legacy } of pairs) {
    if (legacy) {
      const message = `${keyword} ${key} is written without \`=\`: write ${keyword} ${key}=value.`;
      checker.report('LegacyKeyValueFormat', instruction, message);
    }
    if (instruction.type === 'env') checkSecret(checker, instruction, key);
  }
}

const secretWord = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i;
const harmlessWord = /(?:_|^)(?:public|file|version)(?:_|$)/i;

/** A name that has such a word between underscores. */
function checkSecret(checker: Checker, instruction: StageInstruction, name: string): void {
  if (!secretWord.test(name) || harmlessWord.test(name)) return;
  const keyword = instruction.type.toUpperCase();
  const message = `${keyword} ${name} looks like a secret, and would stay in the image: use RUN --mount=type=secret.`;
  checker.report('SecretsUsedInArgOrEnv', instruction, message);
}

/** ExposeProtoCasing and ExposeInvalidFormat for words that are expanded. */
function checkPorts(checker: Checker, instruction: StageInstruction, words: readonly string[]): void {
  for (const word of words) {
    const port = readPorts(word);
    if ('wrong' in port) continue;
    if (port.protocol !== port.protocol.toLowerCase()) {
      checker.report('ExposeProtoCasing', instruction, `The protocol of ${word} is not in lower case.`);
    }
    if (port.isMapping) {
      const message = `EXPOSE ${word} names an address or a port of the host, which mean nothing in an image.`;
      checker.report('ExposeInvalidFormat', instruction, message);
    }
  }
}
