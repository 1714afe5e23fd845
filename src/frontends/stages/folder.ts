/** Stage folders: `stages/NAME/` with `apply.sh` (works on the image from outside) or `inside.sh` (runs in it). */
import { join, sep } from 'node:path';
import type { SourceLocation } from '../../kit/errors.ts';
import { lstatSync, readdirSync, realpathSync, statIfThere } from '../../kit/host-files.ts';
import { didYouMean } from '../../kit/suggest.ts';
import type { Complaint } from '../complaints.ts';

export interface StageFolder {
  name: string;
  /** Host path, symlinks resolved. */
  path: string;
  script: 'apply.sh' | 'inside.sh';
  hasConfig: boolean;
}

/** Names of stages: one folder name, so that `..` and paths can't be meant by it. */
const nameForm = /^[A-Za-z0-9_][A-Za-z0-9_.+-]*$/;

/** Finds and checks the folder of a stage that `location` names. */
export function findStage(
  tree: string,
  name: string,
  location: SourceLocation,
): { folder: StageFolder } | { complaint: Complaint } {
  const complain = (code: string, message: string, hint?: string) => ({
    complaint: { code, message, location, ...(hint === undefined ? {} : { hint }) },
  });
  if (!nameForm.test(name)) {
    return complain(
      'bad-stage-name',
      `\`${name}\` can't be a stage: it must be the name of a folder in stages/.`,
      'It consists of letters, digits and the signs `_`, `.`, `+` and `-`, and begins with a letter, a digit or `_`: ' +
        'scripts and settings are found by it.',
    );
  }
  const stages = join(tree, 'stages');
  const given = join(stages, name);
  if (!statIfThere(given)?.isDirectory()) {
    const hint = didYouMean(name, stageNames(tree), `There must be a folder ${given}.`);
    return complain('missing-stage', `There is no stage \`${name}\`.`, hint);
  }
  const path = realpathSync.native(given);
  if (!isInside(realpathSync.native(stages), path)) {
    return complain('path-leaves-folder', `stages/${name} is a link to ${path}, outside of stages/.`);
  }
  return checkScript(name, path, complain);
}

function checkScript(
  name: string,
  path: string,
  complain: (code: string, message: string, hint?: string) => { complaint: Complaint },
): ReturnType<typeof findStage> {
  const scripts = (['apply.sh', 'inside.sh'] as const).filter((script) =>
    lstatSync(join(path, script), { throwIfNoEntry: false }),
  );
  const [script] = scripts;
  if (script === undefined) {
    return complain('missing-script', `The stage ${name} has neither apply.sh nor inside.sh.`);
  }
  if (scripts.length > 1) {
    return complain(
      'two-scripts',
      `The stage ${name} has both apply.sh and inside.sh.`,
      'Make two stages of it.',
    );
  }
  const file = join(path, script);
  const stats = statIfThere(file);
  if (!stats?.isFile()) {
    return complain('missing-script', `stages/${name}/${script} is not a file.`);
  }
  // A link may leave; a file of the folder itself can't.
  if (lstatSync(file).isSymbolicLink() && !isInside(path, realpathSync.native(file))) {
    return complain(
      'path-leaves-folder',
      `stages/${name}/${script} is a link that leaves the stage's folder.`,
    );
  }
  if ((stats.mode & 0o111) === 0) {
    return complain(
      'not-executable',
      `stages/${name}/${script} is not executable.`,
      `Run \`chmod +x ${file}\`.`,
    );
  }
  return { folder: { name, path, script, hasConfig: hasConfig(path) } };
}

/** Whether a stage's folder has a config.sh that is run: as BOSH has it, only when it is executable. */
export function hasConfig(path: string): boolean {
  const stats = statIfThere(join(path, 'config.sh'));
  return stats?.isFile() === true && (stats.mode & 0o111) !== 0;
}

/** Names of all folders in stages/, sorted. */
export function stageNames(tree: string): string[] {
  const stages = join(tree, 'stages');
  if (!statIfThere(stages)?.isDirectory()) return [];
  return readdirSync(stages)
    .filter((name) => nameForm.test(name) && statIfThere(join(stages, name))?.isDirectory())
    .sort();
}

/** Whether `path` is `folder` or below it; both with their symlinks resolved. */
export function isInside(folder: string, path: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
