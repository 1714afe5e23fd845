/** The three networks. A server on this machine's loopback tells them apart. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeBox, processesWith } from './support/rootfs.ts';

const box = makeBox();
let loopback: Server;
let everywhere: Server;
const portOf = (server: Server) => (server.address() as AddressInfo).port;

beforeAll(async () => {
  const serve = () => createServer((socket) => socket.on('error', () => {}).end('hello\n'));
  loopback = serve().listen(0, '127.0.0.1');
  everywhere = serve().listen(0, '0.0.0.0');
  await Promise.all([once(loopback, 'listening'), once(everywhere, 'listening')]);
});
afterAll(() => {
  loopback.close();
  everywhere.close();
  box[Symbol.dispose]();
});

const ask = (address: string, port: number) => `nc -w 3 ${address} ${port} < /dev/null`;

test("host: the host's own network", async () => {
  const { stdout } = await box.sh(`${ask('127.0.0.1', portOf(loopback))}; cat /etc/resolv.conf`, {
    network: 'host',
  });
  expect(stdout).toBe(`hello\n${readFileSync('/etc/resolv.conf', 'utf8')}`);
});

test('none: a loopback of its own, which works, and nothing else', async () => {
  // A listener without input would end its side at once, and who connects may leave at that before it has said a word.
  const { stdout } = await box.sh(
    `ls /sys/class/net; ${ask('127.0.0.1', portOf(loopback))} && echo reached
     sleep 60 | nc -l -p 99 > /tmp/got & tries=0
     until test -s /tmp/got || test $tries = 200; do
       tries=$((tries + 1)); echo own | nc -w 1 127.0.0.1 99 2>/dev/null; sleep 0.05
     done; cat /tmp/got`,
    { network: 'none' },
  );
  expect(stdout).toBe('lo\nown\n');
});

test('nat: reaches the network, not the loopback of the host, and ends with the run', async () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((each) => each && !each.internal && each.family === 'IPv4')?.address;
  const reach = (where: string) =>
    `${ask(where, portOf(loopback))} > /tmp/o; grep -q hello /tmp/o && echo ${where} reached`;
  const outward = address === undefined ? 'echo hello' : ask(address, portOf(everywhere));
  const { stdout, result } = await box.sh(
    `ls /sys/class/net; ${outward}; ${reach('127.0.0.1')}; ${reach('10.0.2.2')}; cat /etc/resolv.conf; rm /tmp/o`,
    { network: 'nat' },
  );
  expect(stdout).toBe('lo\ntap0\nhello\nnameserver 10.0.2.3\n');
  expect(result).toMatchObject({ exitCode: 0 });
  expect(processesWith(box.dir)).toEqual([]);
  expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(box.dir);
});
