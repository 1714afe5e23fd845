/** The live builders of a store: they stay until somebody ends them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from './finding.ts';
import { ok } from './finding.ts';

/** Nothing where there are none. */
export async function checkLive(storeDir: string): Promise<Finding[]> {
  if (!existsSync(join(storeDir, 'cambium.db'))) return [];
  const { openStore } = await import('../../store/store.ts');
  const { liveBuilders } = await import('../../store/live.ts');
  const store = openStore(storeDir);
  try {
    return liveBuilders(store).map(({ stage, buildFile, usedMs }) => {
      const used = new Date(usedMs).toTimeString().slice(0, 5);
      return ok(
        'live builder',
        `${stage} of ${buildFile}, used at ${used}; to end it: cambium dev --clean -f ${buildFile}`,
      );
    });
  } finally {
    store.close();
  }
}
