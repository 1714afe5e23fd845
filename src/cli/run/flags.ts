/** The flags of `cambium run`, in the words of `docker run` and `podman run`. */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { normaliseTag } from '../../images/references.ts';
import { wrongUse } from '../../kit/errors.ts';
import { readSignal, type Signal } from '../../kit/signal-names.ts';
import type { Network } from '../../plan/index.ts';
import type { CommandMount, DnsWishes, Limits } from '../../workers/local/index.ts';
import { storeOption } from '../build-flags.ts';
import { readHost, readUlimit } from '../dockerfile-flags.ts';
import { repeatable } from '../repeatable.ts';
import {
  badValue,
  limitText,
  parseCount,
  parseCpus,
  parseMemory,
  parseNetwork,
  parseSize,
  parseTimeout,
} from '../values.ts';
import { readCapabilities, readSecurity } from './confinement.ts';
import { readMounts } from './mounts.ts';
import { readPorts, type WantedPort } from './ports.ts';
import { readVariables, type Wishes } from './process.ts';
import { refuseOthers } from './refused.ts';

/** As typed. */
export interface RawRunFlags {
  volume: string[];
  mount: string[];
  tmpfs: string[];
  workdir?: string;
  env: string[];
  envFile: string[];
  user?: string;
  entrypoint?: string;
  interactive?: boolean;
  tty?: boolean;
  cpus?: string;
  memory?: string;
  pids?: string;
  pidsLimit?: string;
  ulimit: string[];
  shmSize?: string;
  network?: string;
  net?: string;
  publish: string[];
  addHost: string[];
  dns?: string[];
  dnsSearch?: string[];
  dnsOption?: string[];
  groupAdd?: string[];
  capAdd?: string[];
  capDrop?: string[];
  securityOpt?: string[];
  stopSignal?: string;
  hostname?: string;
  readOnly?: boolean;
  init?: boolean;
  timeout?: string;
  commit?: string;
  store?: string;
}

export interface RunFlags {
  wishes: Wishes;
  mounts: CommandMount[];
  input: boolean;
  terminal: boolean;
  limits: Limits;
  network: Network;
  ports: WantedPort[];
  hosts: { name: string; address: string }[];
  ulimits: { name: string; soft: number; hard: number }[];
  /** Where it differs from what the network has. */
  dns?: DnsWishes;
  /** Beside those of the user. */
  groups: string[];
  /** Instead of the usual ones. */
  capabilities?: readonly string[];
  noNewPrivileges: boolean;
  /** What the command gets when it is to end. */
  stopSignal?: Signal;
  hostname: string;
  readonlyRoot: boolean;
  init: boolean;
  shmBytes?: number;
  timeoutMs?: number;
  /** Tag of the image to keep. */
  commit?: string;
  storeDir?: string;
}

export function addRunFlags(command: Command): Command {
  return refuseOthers(command)
    .addOption(repeatable('-v, --volume <source:place[:ro]>', 'show a volume, or a folder of the host'))
    .addOption(
      repeatable('--mount <mount>', 'the same in words: type=volume,source=src,target=/src,readonly'),
    )
    .addOption(repeatable('--tmpfs <place[:options]>', 'a folder in memory'))
    .option('-w, --workdir <folder>', 'where the command starts')
    .addOption(repeatable('-e, --env <name[=value]>', 'a variable; without a value, that of here'))
    .addOption(repeatable('--env-file <file>', 'a file with a variable a line'))
    .option('-u, --user <user[:group]>', 'who runs it')
    .addOption(repeatable('--group-add <group>', 'a further group of that user'))
    .option('--entrypoint <program>', "instead of the image's; the command is its arguments")
    .option('-i, --interactive', 'standard input goes to the command')
    .option('-t, --tty', 'the command has a terminal')
    .addOption(new Option('--rm', 'always so: nothing is left after the command').hideHelp())
    .option('--cpus <count>', 'cores')
    .option('-m, --memory <size>', 'memory: 512m, 2g')
    .option('--pids <count>', 'processes and threads; 0 for no limit (default: 4096)')
    .addOption(new Option('--pids-limit <count>', 'as --pids').hideHelp())
    .addOption(repeatable('--ulimit <name=soft[:hard]>', 'a limit of each process'))
    .option('--shm-size <size>', 'size of /dev/shm')
    .option('--network <mode>', 'host, none or nat (default: host, or nat with -p)')
    .addOption(new Option('--net <mode>', 'as --network').hideHelp())
    .addOption(repeatable('-p, --publish <host:port>', 'a port of the host that leads to one of the command'))
    .addOption(
      repeatable('--add-host <host:ip>', 'a line in /etc/hosts; host-gateway stands for this machine'),
    )
    .addOption(repeatable('--dns <ip>', 'a name server, instead of those of the network'))
    .addOption(repeatable('--dns-search <domain>', 'a domain to look names up in'))
    .addOption(repeatable('--dns-option <option>', 'an option of resolv.conf'))
    .option('-h, --hostname <name>', 'its host name (default: cambium)')
    .addOption(repeatable('--cap-drop <capability>', 'a right that it has not, or ALL'))
    .addOption(repeatable('--cap-add <capability>', 'one that it has all the same'))
    .addOption(repeatable('--security-opt <option>', 'no-new-privileges: set-id programs give no rights'))
    .option('--stop-signal <signal>', 'what it gets when TERM asks it to end')
    .option('--read-only', 'write to mounts only')
    .addOption(new Option('--init', 'always so').hideHelp())
    .option('--no-init', "be the namespace's first process, without an init that reaps orphans")
    .option('--timeout <duration>', 'end it after so long: 90s, 30m')
    .option('--commit <name[:tag]>', 'keep the result as an image, if the command exits with 0')
    .addOption(storeOption());
}

/** Reads the flags; `cwd` is where relative paths start. */
export function readRunFlags(raw: RawRunFlags, argv: readonly string[], cwd: string): RunFlags {
  const ports = readPorts(raw.publish);
  const network = readNetwork(raw.network ?? raw.net, ports);
  const { dns = [], dnsSearch = [], dnsOption = [], capAdd = [], capDrop = [] } = raw;
  const pids = raw.pids ?? raw.pidsLimit;
  return {
    wishes: {
      argv,
      env: readVariables(
        raw.env,
        raw.envFile.map((file) => resolve(cwd, file)),
        process.env,
      ),
      ...given('entrypoint', raw.entrypoint, (text) => text),
      ...given('cwd', raw.workdir, readFolder),
      ...given('user', raw.user, (text) => text),
      ...given('stopSignal', raw.stopSignal, (text) => text),
    },
    mounts: readMounts(raw, cwd),
    input: raw.interactive ?? false,
    terminal: readTerminal(raw),
    limits: {
      ...given('cpus', limitText(raw.cpus), (text) => parseCpus('--cpus', text)),
      ...given('memoryBytes', limitText(raw.memory), (text) => parseMemory('--memory', text)),
      // Docker and podman have -1 for no limit.
      ...given('pids', pids, (text) => (text === '-1' ? 0 : parseCount('--pids', text, 0))),
    },
    network,
    ports,
    hosts: raw.addHost.map(readHost),
    ulimits: raw.ulimit.map(readUlimit),
    ...(dns.length + dnsSearch.length + dnsOption.length > 0 && {
      dns: { servers: dns.map(readNameServer), search: dnsSearch, options: dnsOption },
    }),
    groups: raw.groupAdd ?? [],
    ...defined('capabilities', readCapabilities({ capAdd, capDrop }, network)),
    noNewPrivileges: readSecurity(raw.securityOpt ?? []),
    ...given('stopSignal', raw.stopSignal, readStopSignal),
    hostname: raw.hostname === undefined ? 'cambium' : readHostname(raw.hostname),
    readonlyRoot: raw.readOnly ?? false,
    init: raw.init ?? true,
    ...given('shmBytes', raw.shmSize, (text) => parseSize('--shm-size', text)),
    ...given('timeoutMs', raw.timeout, (text) => parseTimeout('--timeout', text)),
    ...given('commit', raw.commit, readTag),
    ...given('storeDir', raw.store, (dir) => resolve(cwd, dir)),
  };
}

/** `{ name: value }` where there is a text, else nothing. */
function given<N extends string, T>(name: N, text: string | undefined, read: (text: string) => T) {
  return (text === undefined ? {} : { [name]: read(text) }) as { [K in N]?: T };
}

function defined<N extends string, T>(name: N, value: T | undefined) {
  return (value === undefined ? {} : { [name]: value }) as { [K in N]?: T };
}

function readNameServer(text: string): string {
  if (isIP(text) === 0) throw badValue('--dns', text, 'it takes an IP address');
  return text;
}

function readStopSignal(text: string): Signal {
  const signal = readSignal(text);
  if (signal === undefined) throw badValue('--stop-signal', text, 'it takes a signal, such as SIGQUIT or 3');
  return signal;
}

/** 0 is no limit, as docker and podman have it. */
function readFolder(text: string): string {
  if (!text.startsWith('/')) throw badValue('--workdir', text, 'it takes a folder of the image, from `/` on');
  return text;
}

function readTerminal({ tty, interactive }: RawRunFlags): boolean {
  if (!tty) return false;
  const isMissing = interactive ? !process.stdin.isTTY : !process.stdin.isTTY && !process.stdout.isTTY;
  if (isMissing) {
    throw wrongUse('no-terminal', 'The command is to have a terminal (-t), but there is none here.', {
      hint: interactive ? 'Leave -t out: -i alone passes standard input on.' : 'Leave -t out.',
    });
  }
  return true;
}

function readNetwork(text: string | undefined, ports: readonly WantedPort[]): Network {
  if (text === undefined) return ports.length > 0 ? 'nat' : 'host';
  // Docker's word for a network behind the host's address.
  const network = text === 'bridge' ? 'nat' : parseNetwork('--network', text);
  if (ports.length > 0 && network !== 'nat') {
    throw wrongUse('bad-value', `Ports (-p) lead into the network \`nat\`, and --network says ${text}.`, {
      hint: network === 'host' ? "On the host's network the command listens there itself." : '',
    });
  }
  return network;
}

function readHostname(text: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9.-]{0,62}[a-zA-Z0-9])?$/.test(text)) return text;
  throw badValue('--hostname', text, 'it takes letters, digits, `.` and `-`, 64 at most');
}

/** Checked before anything runs. */
function readTag(text: string): string {
  normaliseTag(text);
  return text;
}
