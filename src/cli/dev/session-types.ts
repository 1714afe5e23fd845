/** What a session of `dev` is asked for, and what it answers. */
import type { BuildRequest, BuildResult } from '../../frontends/build-request.ts';
import type { BuildKind } from '../run-build.ts';
import type { DevScreen } from './screen.ts';

export interface SessionRequest {
  /** What each build is asked. */
  build: Omit<BuildRequest, 'signal' | 'onEvent'>;
  screen: DevScreen;
  /** For hints in messages: ` --store DIR`, or empty. */
  storeFlag: string;
  /** Called with each new image. */
  onImage(image: string, result: Extract<BuildResult, { outcome: 'done' }>): void;
  /** Paths in which no change counts, with files beside them that are renamed to them (`.NAME.…`). */
  ignored: readonly string[];
  /** Ends the session. */
  signal: AbortSignal;
}

export interface Session {
  /** Asks for a build; one that is under way is ended for it. */
  ask(kind: BuildKind, options?: { isIdle?: boolean }): void;
  /** Resolves when the session has ended. */
  ended: Promise<void>;
  /** What the last good build gave. */
  last(): Extract<BuildResult, { outcome: 'done' }> | undefined;
  hasFailed(): boolean;
  /** No build is under way or asked for, and no file changed for so long. */
  idleMs(): number;
}
