/** A spec of 20 stages: nothing to do, and the seventh changed. */
import { fileURLToPath } from 'node:url';
import type { Place } from '../place.ts';
import type { Case, Contender } from '../types.ts';

const script = fileURLToPath(new URL('../peers/stages-on-btrfs.bash', import.meta.url));
const count = 20;

const baseScript = `#!/bin/bash
set -eu
mkdir -p "$1/chroot"
cp -a "$(dirname "$0")/assets/busybox/." "$1/chroot"
`;

function stageScript(number: number, text: string): string {
  return `#!/bin/bash\nset -eu\necho '${text}' > "$1/chroot/stage${number}"\n`;
}

/** The Dockerfile does in the image what a stage does from outside. */
export function specCases(place: Place): Case[] {
  const tree = 'spec20';
  const names = Array.from({ length: count }, (_, index) => `s${index + 1}`);
  place.write(`${tree}/stages/s1/apply.sh`, baseScript, 0o755);
  place.sh(`mkdir -p ${tree}/stages/s1/assets; cp -a busybox ${tree}/stages/s1/assets/`);
  for (let number = 2; number <= count; number++) {
    place.write(`${tree}/stages/s${number}/apply.sh`, stageScript(number, 'first'), 0o755);
    for (const asset of [1, 2, 3, 4, 5])
      place.write(
        `${tree}/stages/s${number}/assets/file${asset}`,
        `asset ${asset} of ${number}\n`.repeat(100),
      );
  }
  place.write(`${tree}/spec/image.spec`, names.map((name) => `stage ${name}\n`).join(''));
  place.write(`${tree}/etc/settings.bash`, '');
  const mounts = names.slice(1).map(
    (name) =>
      // The image's root stands in for the stage's work folder.
      `RUN --mount=type=bind,source=stages/${name},target=/build sed 's,"$1/chroot,"$1,' /build/apply.sh > /tmp/apply && sh /tmp/apply ""`,
  );
  place.write(`${tree}/Dockerfile`, `${['FROM bench-base:1', ...mounts].join('\n')}\n`);

  const spec = place.path(tree, 'spec/image.spec');
  const contenders: Contender[] = [
    ...[place.cambium, place.cambiumBtrfs].map((cambium) => ({
      name: cambium.name,
      commands: () => [cambium.build(spec, 'bench-spec20')],
    })),
    {
      name: 'bash on btrfs',
      commands: () => [{ argv: [script, place.btrfs, spec, place.path(tree, 'etc/settings.bash')] }],
    },
    ...place.builders.map((builder) => ({
      name: builder.name,
      commands: () => [builder.build('bench-spec20', place.path(tree))],
    })),
  ];
  return [
    {
      id: 'idle-20',
      title: 'nothing to do, spec of 20 stages',
      rounds: 10,
      goals: [
        { type: 'time', underMs: 80 },
        { type: 'ratio', of: 'docker', factor: 0.5 },
        { type: 'ratio', of: place.buildKitClient, factor: 0.8 },
        { type: 'ratio', of: 'bash', factor: 0.2 },
      ],
      contenders,
    },
    {
      id: 'stage-7',
      title: 'stage 7 of 20 changed: 14 run',
      rounds: 5,
      goals: [{ type: 'ratio', of: 'docker', factor: 1 }],
      edit: () => place.write(`${tree}/stages/s7/apply.sh`, stageScript(7, place.newText()), 0o755),
      contenders,
    },
  ];
}
