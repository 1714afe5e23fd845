/** `cambium logout`: as `docker logout`. */
import { Command } from 'commander';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';

export function define(): Command {
  const command = new Command('logout')
    .description('forget the login for a registry')
    .argument('[registry]', 'host[:port]; default Docker Hub')
    .action(async (registry: string | undefined) => {
      const { registryName, removeLogin } = await import('../../images/registry/login.ts');
      const domain = registryName(registry);
      const had = await removeLogin(domain);
      print(had ? `logged out of ${domain}\n` : `there was no login for ${domain}\n`);
    });
  return addExamples(command, [['cambium logout registry.example', 'forget that login']]);
}
