/** Opens the project that a command's flags name. */

import { formatPlatform } from '../frontends/dockerfile/language/platform.ts';
import type { OpenProject } from '../frontends/open-project.ts';
import type { PlanFlags } from './build-flags.ts';
import { parsePlatform } from './values.ts';

export async function openProjectOf(flags: PlanFlags, cwd: string): Promise<OpenProject> {
  const { openProject } = await import('../frontends/index.ts');
  const { where, file, network, dockerfile } = flags;
  const { provisions: _provisions, call: _call, ...options } = dockerfile;
  const project = await openProject(
    { where, ...options, ...(file !== undefined && { file }), ...(network && { network }) },
    cwd,
  );
  // Specs and programs run the host's own programs.
  if (project.dockerfile === undefined)
    for (const platform of dockerfile.platforms ?? []) parsePlatform('--platform', formatPlatform(platform));
  return project;
}
