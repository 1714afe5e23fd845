/** Servers of a test's own that stand before a registry: they see every request, and may answer it themselves. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

export interface Front extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  host: string;
  port: number;
}

/** Answers a request itself and says so, or leaves it to the registry. */
export type Hook = (asked: IncomingMessage, answer: ServerResponse) => boolean | Promise<boolean>;

/** A plain HTTP server that passes on to the registry at `host` what `hook` doesn't answer. */
export async function startFront(host: string, hook: Hook): Promise<Front> {
  const server = createServer(async (asked, answer) => {
    asked.on('error', () => {});
    answer.on('error', () => {});
    if (!(await hook(asked, answer))) passOn(host, asked, answer);
  });
  return listening(server);
}

/** Passes the request on; `through` may change the answer's bytes on their way. */
export function passOn(
  host: string,
  asked: IncomingMessage,
  answer: ServerResponse,
  through?: (chunk: Buffer) => Buffer | undefined,
): void {
  const [hostname, port] = host.split(':');
  // The registry names itself in redirects by the Host it is asked for: so they lead here again.
  const passed = request(
    { hostname, port, method: asked.method, path: asked.url, headers: asked.headers },
    (from) => {
      answer.writeHead(from.statusCode ?? 500, from.headers);
      from.on('data', (chunk: Buffer) => {
        const changed = through === undefined ? chunk : through(chunk);
        if (changed !== undefined) answer.write(changed);
      });
      from.on('end', () => answer.end());
      from.on('error', () => answer.destroy());
    },
  );
  passed.on('error', () => answer.destroy());
  answer.on('close', () => passed.destroy());
  asked.pipe(passed);
}

/** A proxy that knows CONNECT and plain requests, and leads every host of `names` to 127.0.0.1; notes what it was asked. */
export async function startProxy(names: readonly string[], seen: string[], login?: string): Promise<Front> {
  const mayPass = (asked: IncomingMessage) => {
    const given = asked.headers['proxy-authorization'];
    return login === undefined || given === `Basic ${Buffer.from(login).toString('base64')}`;
  };
  const server = createServer((asked, answer) => {
    seen.push(`${asked.method} ${asked.url}`);
    const url = new URL(asked.url as string);
    asked.url = url.pathname + url.search;
    passOn(`127.0.0.1:${url.port}`, asked, answer);
  });
  server.on('connect', (asked: IncomingMessage, socket: Socket, head: Buffer) => {
    seen.push(`CONNECT ${asked.url}`);
    const [name = '', port = ''] = (asked.url as string).split(':');
    if (!names.includes(name) || !mayPass(asked)) {
      socket.end(
        `HTTP/1.1 ${mayPass(asked) ? '403 Forbidden' : '407 Proxy Authentication Required'}\r\n\r\n`,
      );
      return;
    }
    const target = connect(Number(port), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      target.write(head);
      socket.pipe(target).pipe(socket);
    });
    for (const end of [socket, target]) end.on('error', () => end.destroy());
  });
  return listening(server);
}

async function listening(server: Server): Promise<Front> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  return {
    host: `127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
