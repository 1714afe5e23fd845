/** The module `cambium` that a build file imports: its functions note what they are called with, and where. */
import type { PlanLocation } from '../../plan/index.ts';
import type {
  CommandOptions,
  CopyOptions,
  Image,
  ImageOptions,
  Settings,
  Stage,
  StageOptions,
} from './cambium.d.ts';

type Module = typeof import('./cambium.d.ts');

export type StageEntry = Stage & { location: PlanLocation } & (
    | { kind: 'stage'; name: string; options: StageOptions }
    | { kind: 'command'; run: string | readonly string[]; options: CommandOptions }
    | { kind: 'copy'; from: string; to: string; options: CopyOptions }
    | { kind: 'copy-from'; other: ImageEntry; path: string; to: string; options: Omit<CopyOptions, 'ignore'> }
  );

export interface ImageEntry extends Image {
  options: ImageOptions;
  location: PlanLocation;
}

export const authoringNames = [
  'image',
  'stage',
  'command',
  'copy',
  'copyFrom',
  'setting',
] as const satisfies (keyof Module)[];

/** The module's content for one build file in `folder`. */
export function authoringModule(folder: string, file: string, setting: Settings): Module {
  const here = () => callerLocation(new Error(), folder) ?? { file };
  return {
    image: (options): ImageEntry => ({ kind: 'image', options, location: here() }),
    stage: (name, options = {}): StageEntry => ({ kind: 'stage', name, options, location: here() }),
    command: (run, options = {}): StageEntry => ({ kind: 'command', run, options, location: here() }),
    copy: (from, to, options = {}): StageEntry => ({ kind: 'copy', from, to, options, location: here() }),
    copyFrom: (other, path, to, options = {}): StageEntry => ({
      kind: 'copy-from',
      other: other as ImageEntry,
      path,
      to,
      options,
      location: here(),
    }),
    setting,
  };
}

/** The innermost place of a stack that lies in `folder`, but in none of its packages. */
export function callerLocation(error: Error, folder: string): { file: string; line: number } | undefined {
  for (const line of (error.stack ?? '').split('\n')) {
    const frame = /\(?((?:file:\/\/)?\/[^()]*):(\d+):\d+\)?$/.exec(line);
    if (!frame) continue;
    const file = decodeURI((frame[1] as string).replace(/^file:\/\//, ''));
    if (file.startsWith(`${folder}/`) && !file.includes('/node_modules/'))
      return { file, line: Number(frame[2]) };
  }
  return undefined;
}
