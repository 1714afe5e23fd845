/**
 * Ports of the host that lead into a `nat` network. slirp4netns listens on them when it is told so over its control
 * socket (one JSON request a connection; slirp4netns(1), "API socket"): so they end with it.
 */
import { closeSync } from 'node:fs';
import { connect } from 'node:net';
import { outside } from '../../../kit/errors.ts';
import { descriptorPath, openFolder } from '../../../kit/system.ts';
import type { PortForward } from './types.ts';

/** Name of the control socket, in the folder of the network. */
export const controlSocket = 'slirp';

/** Opens one port. Throws `port-not-free` when the host's is taken. */
export async function forward(dir: string, port: PortForward): Promise<void> {
  const answer = await ask(dir, {
    execute: 'add_hostfwd',
    arguments: {
      proto: port.protocol,
      host_addr: port.hostAddress,
      host_port: port.hostPort,
      guest_port: port.port,
    },
  });
  const { error } = JSON.parse(answer || '{"error":{}}') as { error?: { desc?: string } };
  if (error === undefined) return;
  const host = `${port.hostAddress}:${port.hostPort}/${port.protocol}`;
  throw outside('port-not-free', `Connections to ${host} can't be taken: ${reasonOf(error.desc)}.`, {
    hint: 'Is something else listening there? Choose another port of the host.',
  });
}

function reasonOf(description = 'slirp4netns gave no answer'): string {
  return description.replace(/^bad request: /, '');
}

async function ask(dir: string, request: object): Promise<string> {
  // A socket's path may have 107 bytes, and a store's may have more: so by way of a descriptor.
  const folder = openFolder(dir);
  try {
    return await new Promise((resolve, reject) => {
      let answer = '';
      const socket = connect(`${descriptorPath(folder)}/${controlSocket}`);
      socket.setEncoding('utf8').on('data', (text: string) => {
        answer += text;
      });
      socket.on('error', reject).on('close', () => resolve(answer));
      socket.end(JSON.stringify(request));
    });
  } finally {
    closeSync(folder);
  }
}
