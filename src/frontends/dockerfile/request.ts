/** What a build of a Dockerfile is told besides the file: flags of the command line, read. */
import type { Network, Platform, Source } from '../../plan/index.ts';

export interface DockerfileOptions {
  context: BuildContext;
  /** The Dockerfile's content where it isn't read from `path`: it came on standard input. */
  text?: Uint8Array;
  /** The Dockerfile's path in a context that isn't a folder; default `Dockerfile`. */
  fileInContext?: string;
  buildArgs: Readonly<Record<string, string>>;
  /** `--build-context`: sources as they were written, by name. */
  contexts: Readonly<Record<string, string>>;
  /** Where relative paths of `contexts` start. */
  cwd: string;
  /** `--platform`: several give an index. */
  platforms?: readonly Platform[];
  /** `--pull`: ask registries what the names of images stand for now. */
  pull?: boolean;
  /** `--network`, for steps that say nothing of it. */
  network?: Network;
  /** `--allow`: `network.host`, `security.insecure`. */
  allow: readonly string[];
  hosts: readonly { name: string; address: string }[];
  ulimits: readonly { name: string; soft: number; hard: number }[];
  shmBytes?: number;
}

export type BuildContext =
  | { type: 'folder'; path: string }
  /** A tar, a repository or a file of the network. */
  | { type: 'source'; source: Source }
  /** A Dockerfile alone. */
  | { type: 'none' };
