/** Proxies, as the environment names them: HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in either case. */
import http from 'node:http';
import type https from 'node:https';
import { isIP } from 'node:net';
import tls from 'node:tls';
import { outside } from '../../kit/errors.ts';
import { splitAuthorization } from '../../kit/url-logins.ts';

export interface Proxy {
  url: URL;
  /** Value of Proxy-Authorization. */
  authorization?: string;
}

/** The proxy for a URL; undefined where it is reached directly. Loopback is never proxied. */
export function proxyFor(url: URL, env: NodeJS.ProcessEnv): Proxy | undefined {
  const scheme = url.protocol === 'https:' ? 'HTTPS' : 'HTTP';
  const text = either(env, `${scheme}_PROXY`);
  if (text === undefined || isLoopback(url.hostname) || isExempt(url, either(env, 'NO_PROXY') ?? ''))
    return undefined;
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(withScheme)) {
    throw outside('bad-proxy', `The variable ${scheme}_PROXY names no proxy that can be understood.`, {
      hint: 'Write it as http://HOST:PORT.',
    });
  }
  const proxy = new URL(withScheme);
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') {
    throw outside(
      'bad-proxy',
      `The proxy of ${scheme}_PROXY is of the kind ${proxy.protocol.slice(0, -1)}.`,
      {
        hint: 'Only http:// and https:// proxies can be used.',
      },
    );
  }
  const { bare, ...login } = splitAuthorization(proxy);
  return { url: bare, ...login };
}

function either(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name.toLowerCase()] || env[name] || undefined;
}

/** `localhost`, however it is written, 127.0.0.0/8 and ::1. */
export function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** NO_PROXY: names with all below them, with or without a leading dot, `host:port`, or `*`. */
function isExempt(url: URL, list: string): boolean {
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      const isPort = port === undefined || port === (url.port || (url.protocol === 'https:' ? '443' : '80'));
      return isPort && (url.hostname === name || url.hostname.endsWith(`.${name}`));
    });
}

/** Makes the agent reach its servers through the proxy's CONNECT. */
export function tunnel(agent: https.Agent, proxy: Proxy): https.Agent {
  type Connect = (
    options: tls.ConnectionOptions,
    done: (error: Error | null, socket?: tls.TLSSocket) => void,
  ) => void;
  const connect: Connect = (options, done) => {
    const target = `${options.host?.includes(':') ? `[${options.host}]` : options.host}:${options.port}`;
    const { hostname, port, protocol } = proxy.url;
    const asked = http.request({
      hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
      port: port || (protocol === 'https:' ? 443 : 80),
      method: 'CONNECT',
      path: target,
      headers: { host: target, ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }) },
      ...(protocol === 'https:' && {
        createConnection: () =>
          tls.connect({
            host: hostname,
            port: Number(port || 443),
            ...(isIP(hostname) === 0 && { servername: hostname }),
          }),
      }),
    });
    asked.setTimeout(30_000, () =>
      asked.destroy(Object.assign(new Error('the proxy is silent'), { code: 'ETIMEDOUT' })),
    );
    asked.once('error', (error) => done(error));
    asked.once('connect', (answer, socket) => {
      if (answer.statusCode === 200) {
        socket.setTimeout(0);
        done(null, tls.connect({ ...options, socket }));
        return;
      }
      socket.destroy();
      done(
        outside(
          'proxy-refuses',
          `The proxy ${proxy.url.host} doesn't connect to ${target}: it says ${answer.statusCode}.`,
          {
            hint: 'Look at HTTPS_PROXY, or name the host in NO_PROXY.',
          },
        ),
      );
    });
    asked.end();
  };
  return Object.assign(agent, { createConnection: connect });
}
