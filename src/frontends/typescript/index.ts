/** The frontend for `cambium.ts`: run it, configure the stage folders that it names, then make the plan. */
import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import type { Plan } from '../../plan/index.ts';
import { assemble } from '../assemble.ts';
import { type Complaint, throwComplaints } from '../complaints.ts';
import type { PlanRequest } from '../request.ts';
import { parseSource } from '../sources.ts';
import { callerLocation, type StageEntry } from './authoring.ts';
import { imageConfig } from './image.ts';
import { runProgram } from './load.ts';
import { checkDeclared, givenSettings, settingFunctions } from './settings.ts';
import { programStages } from './stages.ts';

/** The plan of the TypeScript build file `request.path`. */
export async function loadProgram(request: PlanRequest): Promise<Plan> {
  const path = existing(request.path);
  const tree = dirname(path);
  const complaints: Complaint[] = [];
  const declared = new Map<string, string>();
  const given = givenSettings(request.settingsFile, request.set);
  const here = () => callerLocation(new Error(), tree) ?? { file: path };
  const setting = settingFunctions(given, declared, complaints, here);

  const image = await runProgram(path, setting, request.cacheDir).catch((error: unknown) => {
    // A wrong setting may be why the rest of the file failed.
    throwComplaints(complaints);
    throw error;
  });
  checkDeclared(given, declared, complaints);
  throwComplaints(complaints);

  const { options, location } = image;
  const config = imageConfig(options, location, complaints);
  const source = (text: string | undefined) => {
    if (text === undefined) return undefined;
    const parsed = parseSource(text, tree, location);
    if ('source' in parsed) return { source: parsed.source, location };
    complaints.push(parsed.complaint);
    return undefined;
  };
  const base = source(options.base);
  const builder = source(options.builder);
  const entries = (options.stages ?? [])
    .flat(Number.POSITIVE_INFINITY as 1)
    .filter((entry): entry is StageEntry => Boolean(entry));
  if (entries.length === 0)
    complaints.push({ code: 'no-stages', message: 'The image has no stages.', location });
  throwComplaints(complaints);
  const { stages, configuring, settings } = await programStages(
    { request, tree, path, entries, declared },
    complaints,
  );
  return assemble(
    request,
    { tree, file: path, stages, base, builder, config, configuring, settings },
    complaints,
  );
}

function existing(path: string): string {
  try {
    return join(realpathSync(dirname(path)), path.slice(path.lastIndexOf('/') + 1));
  } catch (error) {
    throw wrongUse('missing-build-file', `${path} doesn't exist.`, { cause: error });
  }
}
