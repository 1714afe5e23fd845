/** What one command on a fresh fork of an image costs, from the command line to its end. */
import type { Place } from '../place.ts';
import type { Case, Contender } from '../types.ts';

const argv = (...flags: string[]) => [
  ...['run', '--rm', '--network', 'host'],
  ...flags,
  ...['bench-base:1', 'true'],
];

export function commandCases(place: Place): Case[] {
  const { cambium, cambiumBtrfs, dockers, buildah } = place;
  const tools = [cambium, cambiumBtrfs, ...dockers].map(
    ({ name, command }): Contender => ({ name, commands: () => [command(...argv())] }),
  );
  // It finds buildah's images: both keep them in the same way.
  const podman = ['podman', ...(buildah?.storage ?? []), '--runtime', 'runc', '--cgroup-manager', 'cgroupfs'];
  // By default it asks for more than some machines may give.
  const ownLimits = argv('--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024');
  if (buildah) tools.push({ name: 'podman', commands: () => [{ argv: [...podman, ...ownLimits] }] });
  return [
    {
      id: 'run-command',
      title: '`run IMAGE true`',
      rounds: 10,
      goals: [
        { type: 'time', underMs: 150 },
        { type: 'ratio', of: 'docker', factor: 1 },
      ],
      contenders: tools,
    },
  ];
}
