/** A port of this machine that leads to a Unix socket: it counts what goes there, and can step in. */
import { type AddressInfo, createConnection, createServer } from 'node:net';

export interface CountingProxy extends AsyncDisposable {
  /** For DOCKER_HOST. */
  host: string;
  /** Bytes that went to the socket since the last call. */
  taken(): number;
  /** Called once, before the first bytes of a request that begins so are passed on. */
  before(start: string, act: () => void): void;
  /** From now on cuts a connection once it got this many bytes from the socket. */
  cutAnswersAfter(bytes: number): void;
}

export async function startCountingProxy(socketPath: string): Promise<CountingProxy> {
  let sent = 0;
  let hook: { start: string; act: () => void } | undefined;
  let longest = Number.POSITIVE_INFINITY;
  const server = createServer((client) => {
    const daemon = createConnection(socketPath);
    let received = 0;
    client.on('data', (chunk: Buffer) => {
      sent += chunk.length;
      if (hook !== undefined && chunk.toString('latin1', 0, 200).startsWith(hook.start)) {
        const { act } = hook;
        hook = undefined;
        act();
      }
      if (!daemon.write(chunk)) client.pause();
    });
    daemon.on('drain', () => client.resume());
    daemon.on('data', (chunk: Buffer) => {
      received += chunk.length;
      if (received > longest) client.destroy();
      else client.write(chunk);
    });
    client.on('end', () => daemon.end());
    daemon.on('end', () => client.end());
    for (const [one, other] of [
      [client, daemon],
      [daemon, client],
    ] as const) {
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`,
    taken() {
      const bytes = sent;
      sent = 0;
      return bytes;
    },
    before: (start, act) => {
      hook = { start, act };
    },
    cutAnswersAfter: (bytes) => {
      longest = bytes;
    },
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
