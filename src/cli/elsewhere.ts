/** Words that people know from Docker and podman, and what stands for them here. */
import type { Command } from 'commander';
import { wrongUse } from '../kit/errors.ts';

const commands: Readonly<Record<string, string>> = {
  commit: '`cambium run --commit NAME IMAGE COMMAND`',
  images: '`cambium image ls`',
  inspect: '`cambium image inspect` and `cambium volume inspect`',
  history: '`cambium image history`',
  load: '`cambium image import FILE`',
  import: '`cambium image import FILE NAME`',
  export: '`cambium image export`',
  save: '`cambium image export NAME -o type=docker,dest=FILE`',
  prune: '`cambium cache prune`',
  pull: '`cambium image pull`',
  push: '`cambium image push`',
  rmi: '`cambium image rm`',
  tag: '`cambium image tag`',
  system: '`cambium cache du`, `cambium cache prune` and `cambium store info`',
  exec: '`cambium run`: each command has a fork of its own',
  ps: 'the processes of this machine: a command is one, and gone when it ends',
  watch: '`cambium dev`',
};

/** What a word is called here, as a hint. */
export function knownElsewhere(word: string): string | undefined {
  const here = Object.hasOwn(commands, word) ? commands[word] : undefined;
  return here === undefined ? undefined : `Here that is ${here}.`;
}

/** Gives `command` the subcommand `name`, shown nowhere, which only says what to do instead. */
export function refuseBelow(command: Command, name: string, hint: string): void {
  const refused = command.command(name, { hidden: true }).allowUnknownOption().allowExcessArguments();
  refused.action(() => {
    throw wrongUse('unknown-command', `There is no command \`${command.name()} ${name}\`.`, { hint });
  });
}
