/**
 * Ports of the host that lead to whichever run of the image is the current one. This process listens on them for as long as
 * it lives, so that a connection is never refused while one run takes the place of another.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { outside, wrongUse } from '../../kit/errors.ts';
import type { PortForward } from '../../workers/local/index.ts';
import { choosePorts, type WantedPort } from '../run/ports.ts';

export interface Relay extends Disposable {
  /** As they were chosen. */
  ports: readonly PortForward[];
  /** Ports of the loopback for one more run; nobody else knows them. */
  privatePorts(): Promise<PortForward[]>;
  /** From now on connections go there; without ports, they are closed. Those that are open stay. */
  leadTo(ports: readonly PortForward[]): void;
}

const loopback = '127.0.0.1';

/** Listens. Throws `port-not-free` when a port is taken. */
export async function openRelay(wanted: readonly WantedPort[]): Promise<Relay> {
  if (wanted.some(({ protocol }) => protocol !== 'tcp')) {
    throw wrongUse('bad-value', 'The ports of `dev` (-p) are those of TCP: others can not be swapped.');
  }
  let targets: readonly PortForward[] = [];
  const servers: Server[] = [];
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => socket.destroy());
  };
  const close = () => {
    for (const server of servers) server.close();
    for (const socket of sockets) socket.destroy();
  };
  const ports: PortForward[] = [];
  for (const [at, port] of (await choosePorts(wanted)).entries()) {
    const server = createServer({ allowHalfOpen: true }, (caller) => {
      track(caller);
      const target = targets[at];
      if (target === undefined) {
        caller.destroy();
        return;
      }
      const callee = connect({ host: loopback, port: target.hostPort, allowHalfOpen: true });
      track(callee);
      caller.on('close', () => callee.destroy());
      callee.on('close', () => caller.destroy());
      caller.pipe(callee).pipe(caller);
    });
    servers.push(server);
    try {
      await once(server.listen(port.hostPort, port.hostAddress), 'listening');
    } catch (error) {
      close();
      throw outside('port-not-free', `Connections to ${port.hostAddress}:${port.hostPort} can't be taken.`, {
        cause: error,
        hint: 'Is something else listening there? Choose another port of the host.',
      });
    }
    ports.push({ ...port, hostPort: (server.address() as AddressInfo).port });
  }
  return {
    ports,
    privatePorts: () =>
      choosePorts(ports.map(({ protocol, port }) => ({ protocol, port, hostAddress: loopback }))),
    leadTo: (next) => {
      targets = next;
    },
    [Symbol.dispose]: close,
  };
}
