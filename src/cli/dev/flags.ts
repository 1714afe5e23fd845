/** The flags of `dev` beyond those of `build`. */
import type { Command } from 'commander';
import { wrongUse } from '../../kit/errors.ts';
import { mainOptions } from '../help.ts';
import { repeatable } from '../repeatable.ts';
import { type RunFlags, readRunFlags } from '../run/flags.ts';
import { parseChoice, parseCpus, parseDuration } from '../values.ts';
import type { IdleWish } from './idle.ts';

/** As typed. */
export interface RawDevFlags {
  run: boolean;
  publish: string[];
  volume: string[];
  env: string[];
  envFile: string[];
  runNetwork?: string;
  alive: string;
  healthTimeout: string;
  exec?: string;
  verify?: string;
  idleAfter: string;
  idleLoad: string;
  clean: boolean;
  reset: boolean;
}

export interface DevFlags {
  /** What runs on each new image. */
  service?: { flags: RunFlags; health: { aliveMs: number; timeoutMs: number } };
  hook?: string;
  /** Verify when there is time. */
  verify?: IdleWish;
  /** Instead of all else: live builders are ended. */
  end?: 'clean' | 'reset';
}

export function addDevFlags(command: Command): Command {
  return command
    .option('--exec <command>', 'run this command of the host after each new image; it finds CAMBIUM_IMAGE')
    .option(
      '--clean',
      'end the live builder of this build file, forget its last results, and do no more',
      false,
    )
    .option('--reset', 'end the live builder: the next one starts from the last good results', false)
    .option('--run', 'run the image, and swap it for each new one when that is healthy', false)
    .option('--verify <when>', 'idle: verify warm images when nobody edits and the machine has little to do')
    .optionsGroup('With --run:')
    .addOption(
      repeatable('-p, --publish <host:port>', 'a port of the host that leads to the newest healthy run'),
    )
    .addOption(repeatable('-v, --volume <source:place[:ro]>', 'show a volume, or a folder of the host'))
    .addOption(repeatable('-e, --env <name[=value]>', 'a variable'))
    .addOption(repeatable('--env-file <file>', 'a file with a variable a line'))
    .option('--run-network <mode>', 'nat, none, or host (the old run ends before the new one starts)', 'nat')
    .option('--alive <duration>', 'healthy after so long, where neither HEALTHCHECK nor -p tell', '1s')
    .option('--health-timeout <duration>', 'longest time until it is healthy', '30s')
    .optionsGroup('With --verify idle:')
    .option('--idle-after <duration>', 'after so long without an edit', '20s')
    .option('--idle-load <load>', 'at most this load a core, over a minute', '0.5')
    .optionsGroup(mainOptions);
}

/** Reads them; `argv` is what stands behind `--`. Throws `UserError`s of wrong use. */
export function readDevFlags(raw: RawDevFlags, argv: readonly string[], cwd: string): DevFlags {
  const needsRun = raw.publish.length + raw.volume.length + raw.env.length + raw.envFile.length + argv.length;
  if (!raw.run && needsRun > 0) {
    throw wrongUse('bad-flags', 'A command, and -p, -v, -e and --env-file, are for what --run runs.', {
      hint: 'Add --run.',
    });
  }
  if (raw.verify !== undefined) parseChoice('--verify', raw.verify, ['idle']);
  if (raw.clean && raw.reset)
    throw wrongUse('bad-flags', '--clean does all that --reset does: use one of them.');
  const network = parseChoice('--run-network', raw.runNetwork ?? 'nat', ['nat', 'none', 'host']);
  return {
    ...(raw.run && {
      service: {
        flags: runFlags(raw, network, argv, cwd),
        health: {
          aliveMs: parseDuration('--alive', raw.alive),
          timeoutMs: parseDuration('--health-timeout', raw.healthTimeout),
        },
      },
    }),
    ...((raw.clean || raw.reset) && { end: raw.clean ? ('clean' as const) : ('reset' as const) }),
    ...(raw.exec !== undefined && { hook: raw.exec }),
    ...(raw.verify !== undefined && {
      verify: {
        afterMs: parseDuration('--idle-after', raw.idleAfter),
        load: parseCpus('--idle-load', raw.idleLoad),
      },
    }),
  };
}

function runFlags(raw: RawDevFlags, network: string, argv: readonly string[], cwd: string): RunFlags {
  const { volume, env, envFile, publish } = raw;
  return readRunFlags(
    { volume, env, envFile, publish, network, mount: [], tmpfs: [], ulimit: [], addHost: [], init: true },
    argv,
    cwd,
  );
}
