/** Rules on how things are written: they need nothing but the text, and hold for stages that aren't built too. */
import type { ArgInstruction, Dockerfile, FromInstruction, Instruction, Stage } from '../language/types.ts';
import type { Checker } from './checker.ts';

export function checkWriting(checker: Checker, dockerfile: Dockerfile): void {
  for (const location of dockerfile.emptyContinuations) {
    checker.report('NoEmptyContinuation', { location }, 'An instruction is continued over an empty line.');
  }
  for (const arg of dockerfile.globalArgs) checkArgDescription(checker, arg);
  for (const { from, instructions } of dockerfile.stages) {
    checkFrom(checker, from);
    for (const instruction of instructions) {
      if (instruction.type === 'arg') checkArgDescription(checker, instruction);
      if (instruction.type === 'maintainer') {
        const message = 'MAINTAINER is out of use: write LABEL org.opencontainers.image.authors=….';
        checker.report('MaintainerDeprecated', instruction, message);
      }
    }
  }
  checkStageNames(checker, dockerfile.stages);
  checkKeywordCase(checker, dockerfile.stages);
}

function checkFrom(checker: Checker, from: FromInstruction): void {
  const { keyword, name, writtenName, asKeyword } = from;
  if (name === undefined || writtenName === undefined || asKeyword === undefined) return;
  if (writtenName !== name) {
    checker.report('StageNameCasing', from, `The stage's name ${writtenName} is not in lower case.`);
  }
  const isLower = keyword === keyword.toLowerCase();
  // A keyword in mixed case is another rule's matter.
  const isPure = isLower || keyword === keyword.toUpperCase();
  if (isPure && asKeyword !== (isLower ? asKeyword.toLowerCase() : asKeyword.toUpperCase())) {
    checker.report('FromAsCasing', from, `${asKeyword} is not written in the case of ${keyword}.`);
  }
  checkDescription(checker, from, [name]);
}

function checkArgDescription(checker: Checker, arg: ArgInstruction): void {
  checkDescription(
    checker,
    arg,
    arg.args.map(({ name }) => name),
  );
}

/** The comment right above is taken for a description. */
function checkDescription(
  checker: Checker,
  at: FromInstruction | ArgInstruction,
  names: readonly string[],
): void {
  const comment = at.comments.at(-1);
  if (comment === undefined || names.includes(comment.split(' ')[0] ?? '')) return;
  const subject = names.length === 1 ? names[0] : 'NAME';
  const message = `The comment above ${at.type.toUpperCase()} doesn't describe it: write \`# ${subject} description\`.`;
  checker.report('InvalidDefinitionDescription', at, message);
}

const reserved = ['context', 'scratch'];

function checkStageNames(checker: Checker, stages: readonly Stage[]): void {
  const names = new Set<string>();
  for (const { name, from } of stages) {
    if (name === undefined) continue;
    if (reserved.includes(name)) {
      checker.report(
        'ReservedStageName',
        from,
        `A stage named ${name} can't be told from what ${name} means.`,
      );
    }
    if (names.has(name)) checker.report('DuplicateStageName', from, `Another stage is named ${name} too.`);
    names.add(name);
  }
}

/** Keywords in mixed case count for neither side; upper case wins a draw. */
function checkKeywordCase(checker: Checker, stages: readonly Stage[]): void {
  const all: Instruction[] = stages.flatMap(({ from, instructions }) => [from, ...instructions]);
  const lower = all.filter(({ keyword }) => keyword === keyword.toLowerCase()).length;
  const upper = all.filter(({ keyword }) => keyword === keyword.toUpperCase()).length;
  const isLower = lower > upper;
  for (const instruction of all) {
    const { keyword } = instruction;
    if (keyword === (isLower ? keyword.toLowerCase() : keyword.toUpperCase())) continue;
    const message = `${keyword} is not in ${isLower ? 'lower' : 'upper'} case, as most keywords of this file are.`;
    checker.report('ConsistentInstructionCasing', instruction, message);
  }
}
