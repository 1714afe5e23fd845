/**
 * The commands by name, and what they share: parsing by commander, whose complaints become our errors. A command's
 * file is loaded when it is asked for; all of them are for `--help` alone.
 */
import { Command, CommanderError } from 'commander';
import { type UserError, wrongUse } from '../kit/errors.ts';
import { nearest } from '../kit/suggest.ts';
import { addExamples } from './help.ts';
import { print } from './io.ts';
import { version } from './version.ts';

/** What a command's file gives: its definition, whose action returns when it is done. */
export interface CommandModule {
  define(): Command;
}

/** In the order of `--help`: what people do first comes first. */
export const commands: Record<string, () => Promise<CommandModule>> = {
  build: () => import('./commands/build.ts'),
  dev: () => import('./commands/dev.ts'),
  rebuild: () => import('./commands/rebuild.ts'),
  verify: () => import('./commands/verify.ts'),
  plan: () => import('./commands/plan.ts'),
  explain: () => import('./commands/explain.ts'),
  run: () => import('./commands/run.ts'),
  shell: () => import('./commands/shell.ts'),
  image: () => import('./commands/image.ts'),
  volume: () => import('./commands/volume.ts'),
  login: () => import('./commands/login.ts'),
  logout: () => import('./commands/logout.ts'),
  cache: () => import('./commands/cache.ts'),
  store: () => import('./commands/store.ts'),
  doctor: () => import('./commands/doctor.ts'),
  init: () => import('./commands/init.ts'),
};

/** Runs what the arguments (without node and script) ask for. Wrong use is thrown as a `UserError`. */
export async function runCommand(args: readonly string[]): Promise<void> {
  const name = args[0];
  if (name === '--version' || name === '-V' || name === 'version') {
    print(`cambium ${version}\n`);
    return;
  }
  const load = name !== undefined && Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load) {
    const command = asRoot(await load());
    if (asksForJson(command, args)) (await import('./fail.ts')).tellErrorsAsJson();
    await parse(command, args.slice(1));
    return;
  }
  if (name !== undefined && !name.startsWith('-') && name !== 'help') throw await unknownCommand(name);
  if (name === 'help' && args[1] !== undefined && !args[1].startsWith('-')) {
    await runCommand([...args.slice(1), '--help']);
    return;
  }
  await parse(await wholeProgram(), name === undefined || name === 'help' ? ['--help'] : args);
}

/** Whoever reads a build's events reads what is wrong with its arguments too. Known before they are parsed: they may be what is wrong. */
function asksForJson({ options }: Command, args: readonly string[]): boolean {
  if (!options.some(({ long }) => long === '--progress')) return false;
  const own = args.includes('--') ? args.slice(0, args.indexOf('--')) : args;
  const given = own.findLastIndex((arg) => arg === '--progress' || arg.startsWith('--progress='));
  return own[given] === '--progress=json' || (own[given] === '--progress' && own[given + 1] === 'json');
}

async function unknownCommand(name: string): Promise<UserError> {
  const { knownElsewhere } = await import('./elsewhere.ts');
  const meant = nearest(name, Object.keys(commands));
  const hint = meant === undefined ? 'See `cambium --help`.' : `Did you mean \`cambium ${meant}\`?`;
  return wrongUse('unknown-command', `There is no command \`${name}\`.`, {
    hint: knownElsewhere(name) ?? hint,
  });
}

/** The command as if it were the whole program, so that its usage line says `cambium build`. */
function asRoot(module: CommandModule): Command {
  const command = module.define();
  return command.name(`cambium ${command.name()}`);
}

async function wholeProgram(): Promise<Command> {
  const program = new Command('cambium')
    .description('Builds container images in steps, and runs only what changed.')
    .usage('COMMAND [OPTIONS]')
    // What follows the name of a program that `shell` runs is that program's.
    .enablePositionalOptions()
    .version(`cambium ${version}`, '-V, --version', 'print the version');
  for (const load of Object.values(commands)) program.addCommand((await load()).define());
  return addExamples(program, [
    ['cambium build', 'build the image that this folder describes'],
    ['cambium build hello.spec -t hello', 'build a stage spec, and name the image'],
    ['cambium plan', 'see what would run, and why'],
    ['cambium COMMAND --help', 'see a command with its options and examples'],
  ]);
}

async function parse(command: Command, args: readonly string[]): Promise<void> {
  quieten(command);
  try {
    await command.parseAsync(plainSwitches(command, args), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were printed: nothing is wrong.
    if (error.exitCode === 0) return;
    throw complaint(error);
  }
}

const switchValue = /^(--[a-z-]+)=(true|false|1|0)$/i;

/**
 * Switches with a value, as docker's have: `--pull=true` is `--pull`, `--pull=false` is nothing. What stands behind the
 * name of an image or a stage may be another program's, and stays.
 */
function plainSwitches(command: Command, args: readonly string[]): string[] {
  if (!args.some((arg) => switchValue.test(arg))) return [...args];
  const isForeign = command.registeredArguments.some(({ variadic }) => variadic);
  const optionOf = (name: string) =>
    command.options.find(({ short, long }) => short === name || long === name);
  const plain: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === '--' || (isForeign && !arg.startsWith('-'))) return [...plain, ...args.slice(at)];
    const [, name = '', value = ''] = switchValue.exec(arg) ?? [];
    const option = optionOf(name || arg);
    if (name !== '' && option && !option.required && !option.optional) {
      if (/^(true|1)$/i.test(value)) plain.push(name);
      continue;
    }
    plain.push(arg);
    const next = args[at + 1];
    if (name === '' && option?.required && next !== undefined) {
      plain.push(next);
      at += 1;
    }
  }
  return plain;
}

/** Commander throws what it would end the process for, and writes only help. */
function quieten(command: Command): void {
  command.exitOverride().configureOutput({ writeOut: print, writeErr: () => {}, outputError: () => {} });
  // `-h` is the host name of `run`, as Docker has it.
  const isTaken = command.options.some(({ short }) => short === '-h');
  command.helpOption(isTaken ? '--help' : '-h, --help', 'show this');
  // That a list is empty and a switch off goes without saying.
  command.configureHelp({
    // A narrow column is better than lines that a terminal of 80 columns breaks anywhere.
    minWidthToWrap: 20,
    optionDescription: ({ description, defaultValue }) =>
      typeof defaultValue === 'string' ? `${description} (default: ${defaultValue})` : description,
  });
  if (command.commands.length > 0) command.helpCommand(false);
  for (const below of command.commands) quieten(below);
}

/** Commander's own error in our form. */
function complaint(error: CommanderError): UserError {
  if (error.code === 'commander.help') {
    return wrongUse('missing-command', 'A command is missing.', { hint: 'See it with --help.' });
  }
  const [first = '', ...rest] = error.message
    .replace(/^error: /, '')
    .replace(/\.$/, '')
    .split('\n');
  const meant = /\(Did you mean (?:one of )?(.*?)\?\)/.exec(rest.join(' '))?.[1];
  const message = `${first.charAt(0).toUpperCase()}${first.slice(1)}`.replaceAll("'", '`');
  return wrongUse(
    error.code.replace(/^commander\./, '').replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`),
    `${message}.`,
    {
      hint:
        meant === undefined
          ? 'See the command with --help.'
          : `Did you mean ${meant
              .split(', ')
              .map((word) => `\`${word}\``)
              .join(' or ')}?`,
    },
  );
}
