/** A project with a compiler that is incremental, in the form that every contender of the warm cases takes. */
import type { Place } from '../place.ts';

export interface IncrementalProject {
  id: string;
  title: string;
  /** Below the place's folder: its sources and a Dockerfile. */
  folder: string;
  /** What builds all from nothing, as the Dockerfile has it. */
  build: string;
  /** What is run again after an edit, by hand. */
  again: string;
  /** The file that is edited, below the folder. */
  edited: string;
  /** The text of that file, with `text` in one line. */
  content(text: string): string;
  /** Whether the compiler makes again only what changed. */
  isIncremental: boolean;
  /** A file of the built image in which that text is found again. */
  product: string;
}

/** Where the sources are in every image. */
export const imageFolder = '/src';

export function writeDockerfile(place: Place, folder: string, base: string, build: string): void {
  const lines = [`FROM ${base}`, `WORKDIR ${imageFolder}`, 'COPY . .', `RUN ${build}`];
  place.write(`${folder}/Dockerfile`, `${lines.join('\n')}\n`);
}
