/** `cambium run`: fresh compute for one command. */
import { Command } from 'commander';
import { UserError } from '../../kit/errors.ts';
import type { Store } from '../../store/store.ts';
import { type Attachment, attach } from '../attach.ts';
import { addExamples } from '../help.ts';
import { tell } from '../io.ts';
import { withStore } from '../open-store.ts';
import { tellOutcome } from '../outcome.ts';
import { addRunFlags, type RawRunFlags, type RunFlags, readRunFlags } from '../run/flags.ts';
import { runImage } from '../run/run-image.ts';

export function define(): Command {
  const command = new Command('run')
    .description('run one command on a fresh fork of an image; nothing of it is left but what is on volumes')
    .argument('<image>', 'an image of the store or a registry, oci-layout://DIR, ./folder, rootfs.tar')
    .argument('[command...]', 'what to run; else what the image says')
    .passThroughOptions();
  addRunFlags(command).action(async (image: string, argv: string[], raw: RawRunFlags) => {
    const flags = readRunFlags(raw, argv, process.cwd());
    using attached = attach(flags);
    await withStore(flags.storeDir, (store) => run(store, image, flags, attached));
  });
  return addExamples(command, [
    ['cambium run -it hello:latest bash', 'a shell'],
    ['cambium run -v src:/src -v ./out:/out -w /src builder make -j4', 'a volume, and a folder of the host'],
    ['cambium run --cpus 2 --memory 4g builder make', 'two cores and 4 GiB'],
    ['tar c . | cambium run -i hello:latest tar t', 'standard input'],
    ['cambium run -p 8080:80 hello:latest', "the host's port 8080 leads to its port 80"],
    ['cambium run --commit hello:vim hello:latest apt-get install -y vim', 'keep the result as an image'],
  ]);
}

async function run(store: Store, name: string, flags: RunFlags, attached: Attachment): Promise<void> {
  try {
    const { result, argv } = await runImage(store, name, flags, {
      signal: attached.signal,
      // On a terminal Ctrl-C is a key: without keys, nobody could end the command.
      stdio: { input: flags.input || (flags.terminal && process.stdin.isTTY), terminal: flags.terminal },
      onLaunch: attached.onLaunch,
      ports: await portsOf(flags),
    });
    tellOutcome(result, argv);
  } catch (error) {
    if (!attached.signal.aborted || error instanceof UserError) throw error;
    process.exitCode = 130;
  }
}

/** Ports that were chosen here are told. */
async function portsOf({ ports }: RunFlags) {
  if (ports.length === 0) return [];
  const { choosePorts, chosenPorts } = await import('../run/ports.ts');
  const chosen = await choosePorts(ports);
  for (const line of chosenPorts(ports, chosen)) tell(`${line}\n`);
  return chosen;
}
