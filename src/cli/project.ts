/** Opens the project that a command's flags name. */

import { formatPlatform } from '../frontends/dockerfile/language/platform.ts';
import type { OpenProject } from '../frontends/open-project.ts';
import { wrongUse } from '../kit/errors.ts';
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
  checkKind(flags, project.dockerfile !== undefined);
  // Specs and programs run the host's own programs.
  if (project.dockerfile === undefined)
    for (const platform of dockerfile.platforms ?? []) parsePlatform('--platform', formatPlatform(platform));
  return project;
}

/** Refuses what the other kind of build file takes: a flag without effect would be a surprise. */
function checkKind({ settingsFile, set, dockerfile }: PlanFlags, isDockerfile: boolean): void {
  const { buildArgs, contexts, hosts, ulimits, allow, shmBytes, provisions } = dockerfile;
  const isUsed = (record: object) => Object.keys(record).length > 0;
  const used: [flag: string, isUsed: boolean][] = isDockerfile
    ? [
        ['--set', isUsed(set)],
        ['--settings', settingsFile !== undefined],
      ]
    : [
        ['--build-arg', isUsed(buildArgs)],
        ['--build-context', isUsed(contexts)],
        ['--secret', isUsed(provisions.secrets)],
        ['--ssh', isUsed(provisions.ssh)],
        ['--add-host', hosts.length > 0],
        ['--ulimit', ulimits.length > 0],
        ['--shm-size', shmBytes !== undefined],
        ['--allow', allow.length > 0],
      ];
  const [flag] = used.find(([, is]) => is) ?? [];
  if (flag === undefined) return;
  throw isDockerfile
    ? wrongUse('wrong-kind', `A Dockerfile has no settings, which ${flag} gives.`, {
        hint: 'Its arguments are given by --build-arg NAME=VALUE.',
      })
    : wrongUse('wrong-kind', `${flag} is for Dockerfiles.`, {
        hint: 'What a spec is told are its settings: --set NAME=VALUE.',
      });
}
