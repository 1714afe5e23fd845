/** EXPOSE's words: `80`, `53/udp`, `8000-8010/tcp`. */
import { isIP } from 'node:net';

export interface PortWord {
  /** `80/tcp`, one for each port of a range. */
  ports: readonly string[];
  /** As written, tcp when left out. */
  protocol: string;
  /** An IP address or a port of the host stands before it (rule ExposeInvalidFormat). */
  isMapping: boolean;
}

/** Reads one expanded word. Gives a sentence on what is wrong with it instead. */
export function readPorts(word: string): PortWord | { wrong: string } {
  const parts = word.split(':');
  const written = parts.at(-1) as string;
  const hostPort = parts.at(-2) ?? '';
  const address = parts.slice(0, -2).join(':');
  const slash = written.indexOf('/');
  const container = slash < 0 ? written : written.slice(0, slash);
  const protocol = (slash < 0 ? '' : written.slice(slash + 1)) || 'tcp';
  if (container === '') return { wrong: `\`${word}\` names no port.` };
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) {
    return { wrong: `The protocol of \`${word}\` is none of tcp, udp and sctp.` };
  }
  if (address !== '' && !isAddress(address)) return { wrong: `\`${address}\` is no IP address.` };
  const range = readRange(container);
  if (range === undefined)
    return { wrong: `\`${container}\` is neither a port nor a range of ports (0 to 65535).` };
  const hostRange = hostPort === '' ? undefined : readRange(hostPort);
  if (hostPort !== '' && hostRange === undefined) return { wrong: `\`${hostPort}\` is no port of the host.` };
  const count = range.last - range.first;
  if (hostRange !== undefined && count !== hostRange.last - hostRange.first && count > 0) {
    return { wrong: `The ranges ${container} and ${hostPort} differ in length.` };
  }
  const ports = Array.from(
    { length: count + 1 },
    (_, index) => `${range.first + index}/${protocol.toLowerCase()}`,
  );
  return { ports, protocol, isMapping: address !== '' || hostPort !== '' };
}

function readRange(text: string): { first: number; last: number } | undefined {
  const dash = text.indexOf('-');
  const first = readPort(dash < 0 ? text : text.slice(0, dash));
  const last = dash < 0 ? first : readPort(text.slice(dash + 1));
  return first === undefined || last === undefined || last < first ? undefined : { first, last };
}

function readPort(text: string): number | undefined {
  if (!/^[+]?[0-9]+$/.test(text)) return undefined;
  const port = Number(text);
  return port <= 65535 ? port : undefined;
}

function isAddress(text: string): boolean {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text;
  return isIP(bare) !== 0;
}
