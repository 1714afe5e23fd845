/** One run of an image's command, as flags say. */
import type { RunOp } from '../../plan/index.ts';
import type { Store } from '../../store/store.ts';
import type { CommandRequest, RunResult } from '../../workers/local/index.ts';
import { tell } from '../io.ts';
import type { RunFlags } from './flags.ts';
import { configOf, processOf } from './process.ts';

/** What the run has to do with the world outside. */
export type RunWorld = Pick<CommandRequest, 'signal' | 'onOutput'> &
  Pick<CommandRequest['extras'], 'stdio' | 'onLaunch' | 'ports'>;

/** Runs it to its end; what it leaves is thrown away, or kept as the image that `--commit` names. */
export async function runImage(
  store: Store,
  name: string,
  flags: RunFlags,
  { signal, onOutput, ...world }: RunWorld,
): Promise<{ result: RunResult; argv: readonly string[] }> {
  const { createLocalWorker, runCommand } = await import('../../workers/local/index.ts');
  const { openRunnable } = await import('../../frontends/runnable.ts');
  const worker = createLocalWorker(store);
  try {
    worker.checkCompute(flags.limits);
    const image = await openRunnable(store, worker, name, process.cwd(), signal);
    const config = configOf(image.config, flags.wishes);
    const { argv, ...process_ } = processOf(config, name);
    const op: RunOp & { root: { type: 'snapshot' } } = {
      type: 'run',
      argv,
      ...process_,
      env: { HOSTNAME: flags.hostname, ...(flags.terminal && { TERM: 'xterm' }), ...process_.env },
      root: { type: 'snapshot', path: image.root },
      mounts: [],
      security: 'default',
      noNewPrivileges: flags.noNewPrivileges,
      platform: image.platform,
      network: flags.network,
      hostname: flags.hostname,
      hosts: flags.hosts,
      ulimits: flags.ulimits,
      ...(flags.shmBytes !== undefined && { shmBytes: flags.shmBytes }),
    };
    const title = argv.join(' ');
    const { result, committed } = await runCommand(store, await worker.open(), {
      snapshot: image.snapshot,
      op,
      mounts: flags.mounts,
      limits: flags.limits,
      timeoutMs: flags.timeoutMs,
      signal,
      ...(onOutput && { onOutput }),
      onComputeWait: (reason) => tell(`waiting: ${reason}\n`),
      onWait: (volume, users) => tell(`waiting for the volume ${volume}, in use by ${users}\n`),
      extras: {
        ...world,
        readonlyRoot: flags.readonlyRoot,
        init: flags.init,
        groups: flags.groups,
        ...(flags.dns && { dns: flags.dns }),
        ...(flags.capabilities && { capabilities: flags.capabilities }),
      },
      ...(flags.commit !== undefined && { commit: { stage: flags.commit, title } }),
    });
    if (committed !== undefined && flags.commit !== undefined) {
      const { saveImage } = await import('../../images/index.ts');
      const history = [...image.history, { createdBy: title, snapshot: committed }];
      const { root, platform } = image;
      saveImage(store.db, { snapshot: committed, root, config, platform, history }, [flags.commit]);
    }
    return { result, argv };
  } finally {
    worker.close();
  }
}
