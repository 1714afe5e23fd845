/** Projects that every tool builds from the same Dockerfile. */
import type { Place } from '../place.ts';
import type { Contender } from '../types.ts';

export type Instruction =
  | { copy: string; to: string }
  /** A script for the image's shell. */
  | { run: string };

export interface Project {
  /** Below the place's folder. */
  folder: string;
  base: string;
  instructions: readonly Instruction[];
}

export function writeProject(place: Place, { folder, base, instructions }: Project): void {
  const dockerfile = instructions.map((step) =>
    'copy' in step ? `COPY ${step.copy} ${step.to}` : `RUN ${step.run}`,
  );
  place.write(`${folder}/Dockerfile`, `${[`FROM ${base}`, ...dockerfile].join('\n')}\n`);
}

/** Every tool builds the project; its own image stays in its own store. */
export function buildContenders(
  place: Place,
  folder: string,
  options: { btrfs?: boolean; buildahFlags?: readonly string[]; cambiumFlags?: readonly string[] } = {},
): Contender[] {
  const tag = `bench-${folder}`;
  const context = place.path(folder);
  const cambiums = options.btrfs === false ? [place.cambium] : [place.cambium, place.cambiumBtrfs];
  return [
    ...cambiums.map((cambium) => ({
      name: cambium.name,
      commands: () => [cambium.build(context, tag, ...(options.cambiumFlags ?? []))],
    })),
    ...place.builders.map((builder) => ({
      name: builder.name,
      commands: () => [builder.build(tag, context)],
    })),
    ...(place.buildah
      ? [
          {
            name: place.buildah.name,
            commands: () =>
              place.buildah ? [place.buildah.build(tag, context, ...(options.buildahFlags ?? []))] : [],
          },
        ]
      : []),
  ];
}

/** Many files of some KiB, with content that nothing can shorten; the same in every run. */
export function writeFiles(
  place: Place,
  folder: string,
  { count, perFolder, bytes }: { count: number; perFolder: number; bytes: number },
): void {
  let state = 42;
  for (let index = 0; index < count; index++) {
    const content = Buffer.alloc(bytes);
    for (let at = 0; at + 4 <= bytes; at += 4) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      content.writeUInt32LE(state, at);
    }
    place.write(`${folder}/d${Math.floor(index / perFolder)}/f${index % perFolder}`, content);
  }
}
