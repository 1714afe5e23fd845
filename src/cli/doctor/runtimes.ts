/** Checks of container runtimes: each does a real run. */
import { probeRuntimes } from '../../workers/local/runtimes/probe.ts';
import { type Finding, limited, missing, ok } from './finding.ts';

/** One finding for each runtime; `missing` when none of them works. */
export async function checkRuntimes(): Promise<Finding[]> {
  const probes = await probeRuntimes();
  const isServed = probes.some(({ works }) => works);
  return probes.map((probe) => {
    if (probe.works) return ok(probe.name, `${probe.version ?? ''}, ran a container`.replace(/^, /, ''));
    const why = probe.reason ?? 'it does not work';
    const mend = probe.path === undefined ? `apt-get install ${probe.name}` : undefined;
    // One that works is enough: how to get the other is no news.
    return isServed ? limited(probe.name, `${why} Another one serves.`) : missing(probe.name, why, mend);
  });
}
