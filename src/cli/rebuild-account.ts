/** What `rebuild` tells beyond what `build` does: where the time went, and what the new layer takes. */

import type { BuildRequest, BuildResult } from '../frontends/build-request.ts';
import { builderOf } from '../frontends/project.ts';
import { findImage } from '../images/index.ts';
import type { BuildEvent, Rebuilt } from '../plan/index.ts';
import { lastWarmImage } from '../store/warm.ts';
import { layersOf, newLayerBytes } from './dev/new-bytes.ts';
import { formatPhases, stopwatch } from './dev/phases.ts';
import type { Colors } from './io.ts';

export interface RebuildAccount {
  onEvent(event: BuildEvent): void;
  /** The event that ends a rebuild. */
  rebuilt(result: Extract<BuildResult, { outcome: 'done' }>): Rebuilt;
}

/** Call before the rebuild: the image that there is now may be gone after it. */
export function accountOf(
  request: Omit<BuildRequest, 'signal' | 'onEvent'>,
  startedAt: number,
): RebuildAccount {
  const { store, tags } = request;
  const [tag] = tags;
  const last =
    lastWarmImage(store.db, builderOf(request)) ??
    (tag === undefined ? undefined : findImage(store.db, tag)?.id);
  const before = layersOf(store, last);
  const clock = stopwatch(startedAt);
  return {
    onEvent: clock.onEvent,
    rebuilt({ imageId: image, state }) {
      const isNew = image !== last;
      const newBytes = isNew ? newLayerBytes(store, before, image) : undefined;
      return {
        type: 'rebuilt',
        at: Date.now(),
        ...{ image, isNew, state, phases: clock.phases() },
        ...(newBytes !== undefined && { newBytes }),
      };
    },
  };
}

/** One line, below the summary. */
export function formatAccount({ phases, newBytes }: Rebuilt, colors: Colors): string {
  return `${colors.dim(`  ${formatPhases(phases, newBytes)}`)}\n`;
}
