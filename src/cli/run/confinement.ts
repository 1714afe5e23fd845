/** `--cap-add`, `--cap-drop` and `--security-opt`, as `docker run` has them, where they take rights away or give harmless ones. */
import { wrongUse } from '../../kit/errors.ts';
import type { Network } from '../../plan/index.ts';
import { capabilities } from '../../workers/local/runtimes/capabilities.ts';
import { badValue } from '../values.ts';

/**
 * The capabilities that the command holds; undefined for the usual ones. Throws for one that would let it change this
 * machine.
 */
export function readCapabilities(
  { capAdd, capDrop }: { capAdd: readonly string[]; capDrop: readonly string[] },
  network: Network,
): readonly string[] | undefined {
  if (capAdd.length + capDrop.length === 0) return undefined;
  const added = capAdd.map((text) => readName('--cap-add', text));
  const dropped = new Set(capDrop.map((text) => readName('--cap-drop', text)));
  if (added.includes(all)) throw refused('All capabilities together are those of this machine.');
  for (const name of added) checkAdded(name, network);
  const kept = dropped.has(all) ? [] : capabilities.usual.filter((name) => !dropped.has(name));
  return [...new Set([...kept, ...added])];
}

const all = 'ALL';

/** `net_raw` and `CAP_NET_RAW` are the same. */
function readName(flag: string, text: string): string {
  const name = text.toUpperCase().replace(/^CAP_/, '');
  if (name === all) return name;
  if (/^[A-Z_]+$/.test(name)) return `CAP_${name}`;
  throw badValue(flag, text, 'it takes the name of a capability, such as NET_RAW, or ALL');
}

function checkAdded(name: string, network: Network): void {
  const { usual, harmless, ofNetwork } = capabilities;
  if (usual.includes(name) || harmless.includes(name)) return;
  const isOfNetwork = ofNetwork.includes(name);
  if (isOfNetwork && network !== 'host') return;
  throw refused(
    isOfNetwork
      ? `On the network \`host\` ${name} is that of this machine: use --network nat or none with it.`
      : `Beside the usual ones there are ${[...harmless, ...ofNetwork].join(', ').replaceAll('CAP_', '')}.`,
    name,
  );
}

function refused(hint: string, name?: string): Error {
  const what = name === undefined ? 'all capabilities' : `the capability ${name}`;
  return wrongUse(
    'refused-capability',
    `A command doesn't get ${what}: with it, it could change this machine.`,
    {
      hint,
    },
  );
}

/** Whether programs may gain no rights, by set-id bits or capabilities of files. */
export function readSecurity(texts: readonly string[]): boolean {
  let noNewPrivileges = false;
  for (const text of texts) {
    const [name = '', value = 'true'] = text.split(/[:=]/);
    if (name === 'no-new-privileges' && ['true', 'false'].includes(value)) noNewPrivileges = value === 'true';
    // It is so: neither has a say in what runs here.
    else if (!(name === 'label' && value === 'disable') && !(name === 'apparmor' && value === 'unconfined'))
      throw badValue(
        '--security-opt',
        text,
        'it takes no-new-privileges; what a command may call is always filtered',
      );
  }
  return noNewPrivileges;
}
