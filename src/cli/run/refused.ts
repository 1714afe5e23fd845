/** Flags of `docker run` that have no place here: each is refused with what to do instead. */
import { type Command, Option } from 'commander';
import { wrongUse } from '../../kit/errors.ts';

const instead: Readonly<Record<string, string>> = {
  '-d, --detach':
    'A command lives as long as the program that started it: let the shell or systemd keep that one.',
  '--name <name>':
    'Nothing is left of a command, so there is nothing to name. Its host name is given by --hostname.',
  '--privileged':
    'Commands are always confined. What may mount is a stage of a build: `RUN --security=insecure`.',
  '--device <device>': 'Commands see no device of this machine.',
  '--gpus <devices>': 'Commands see no device of this machine.',
  '--pid <namespace>': 'Commands see no process but their own.',
  '--ipc <namespace>': 'Commands share no memory with others. The size of theirs is given by --shm-size.',
  '--restart <policy>': 'A command ends when it ends: systemd or a loop of the shell starts it again.',
  '-l, --label <label>':
    'Nothing is left of a command that could have a label. An image has: `build --label`.',
  '--platform <platform>':
    'Name an image for that platform: `cambium image pull --platform P NAME` brings one in.',
  '--pull <when>': 'Fetch what the name stands for now with `cambium image pull NAME`.',
};

export function refuseOthers(command: Command): Command {
  for (const [flags, hint] of Object.entries(instead)) {
    const option = new Option(flags).hideHelp();
    command.addOption(option).on(`option:${option.name()}`, () => {
      throw wrongUse('docker-flag', `\`cambium run\` has no \`${option.long}\`.`, { hint });
    });
  }
  return command;
}
