/** `cambium login`: as `docker login`. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { wrongUse } from '../../kit/errors.ts';
import { addExamples } from '../help.ts';
import { print, tell } from '../io.ts';
import { readHidden, readLine } from '../prompt.ts';
import { readTls, withTls } from './image-registry.ts';

interface Flags {
  username?: string;
  password?: string;
  passwordStdin: boolean;
  tlsVerify: string;
}

export function define(): Command {
  const command = withTls(new Command('login').description('log in to a registry'))
    .argument('[registry]', 'host[:port]; default Docker Hub')
    .option('-u, --username <name>', 'the user')
    .option('-p, --password <password>', 'the password; others on this machine may see it')
    .option('--password-stdin', 'read the password from standard input', false)
    .action(login);
  return addExamples(command, [
    ['cambium login registry.example', 'asks for user and password'],
    ['cambium login -u me --password-stdin < token', 'for scripts; Docker Hub'],
  ]);
}

async function login(registry: string | undefined, flags: Flags): Promise<void> {
  const reach = readTls(flags);
  const { checkLogin, registryName, saveLogin } = await import('../../images/registry/login.ts');
  const domain = registryName(registry);
  if (flags.passwordStdin && flags.password !== undefined)
    throw wrongUse('bad-flags', '--password and --password-stdin exclude each other.');
  if (flags.passwordStdin && flags.username === undefined)
    throw wrongUse('bad-flags', '--password-stdin needs --username: who is it?');
  if (flags.password !== undefined)
    tell('warning: --password is seen by others on this machine: use --password-stdin\n');
  const user = flags.username ?? (await readLine(`user for ${domain}: `));
  const password = flags.passwordStdin
    ? readFileSync(0, 'utf8').replace(/\r?\n$/, '')
    : (flags.password ?? (await readHidden(`password of ${user}: `)));
  if (user === '' || password === '') throw wrongUse('bad-login', 'A login needs a user and a password.');
  await checkLogin(domain, { user, password }, reach);
  const { file, helper } = await saveLogin(domain, { user, password });
  print(`logged in to ${domain}\n`);
  if (helper === undefined)
    tell(`the password is in ${file}, not encrypted; a credential helper would keep it safe\n`);
}
