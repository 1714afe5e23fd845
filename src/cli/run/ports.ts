/** `-p`, as `docker run` has it: `[[ADDRESS:]HOST:]PORT[/tcp|udp]`, where both may be ranges of the same length. */
import { once } from 'node:events';
import { type AddressInfo, createServer, isIPv4 } from 'node:net';
import type { PortForward } from '../../workers/local/index.ts';
import { badValue } from '../values.ts';

/** A host port that isn't there is any free one. */
export type WantedPort = Omit<PortForward, 'hostPort'> & { hostPort?: number };

const portForm = 'it takes [[ADDRESS:]HOST:]PORT[/tcp|udp], such as 8080:80';

export function readPorts(texts: readonly string[]): WantedPort[] {
  return texts.flatMap(readPort);
}

function readPort(text: string): WantedPort[] {
  const bad = (why = portForm) => badValue('--publish', text, why);
  const match = /^(?:(?:([^:[\]]*):)?([\d-]*):)?(\d[\d-]*)(?:\/(tcp|udp))?$/.exec(text);
  if (match === null) throw bad(/^\[/.test(text) ? 'addresses of the host are IPv4 ones' : undefined);
  const [, address, host, inside, protocol] = match;
  if (address !== undefined && !isIPv4(address)) throw bad('addresses of the host are IPv4 ones');
  const ports = readRange(inside as string);
  const hostPorts = host === undefined || host === '' ? undefined : readRange(host);
  if (ports === undefined || (host && hostPorts === undefined)) throw bad();
  if (hostPorts !== undefined && hostPorts.length !== ports.length)
    throw bad('both ranges have the same length');
  return ports.map((port, at) => ({
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    hostAddress: address ?? '0.0.0.0',
    port,
    ...(hostPorts !== undefined && { hostPort: hostPorts[at] as number }),
  }));
}

function readRange(text: string): number[] | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (match === null || first < 1 || last > 65535 || last < first) return undefined;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** Gives those without a host port one that is free now. */
export async function choosePorts(wanted: readonly WantedPort[]): Promise<PortForward[]> {
  const chosen: PortForward[] = [];
  for (const port of wanted)
    chosen.push({ ...port, hostPort: port.hostPort ?? (await freePort(port.hostAddress)) });
  return chosen;
}

/** Which ports were chosen for those that were wanted without one of the host, a line each. */
export function chosenPorts(wanted: readonly WantedPort[], chosen: readonly PortForward[]): string[] {
  return chosen
    .filter((_, at) => wanted[at]?.hostPort === undefined)
    .map(
      ({ hostAddress, hostPort, port, protocol }) =>
        `${hostAddress}:${hostPort} leads to ${port}/${protocol}`,
    );
}

async function freePort(address: string): Promise<number> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
