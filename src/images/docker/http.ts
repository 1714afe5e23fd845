/** Requests to a Docker daemon, over its socket or TCP, and what it means when there is no answer. */
import http from 'node:http';
import https from 'node:https';
import { errnoOf, outside, UserError } from '../../kit/errors.ts';
import type { DaemonEndpoint } from './endpoint.ts';

export type Answer = http.IncomingMessage;

/** As much as an answer about images may take; more is no Docker daemon. */
const maxAnswerBytes = 64 * 1024 * 1024;

export function agentFor({ at }: DaemonEndpoint): http.Agent {
  const kept = { keepAlive: true, maxSockets: 8 };
  if ('socket' in at || at.tls === undefined) return new http.Agent(kept);
  const { verify, ...files } = at.tls;
  return new https.Agent({ ...kept, ...files, rejectUnauthorized: verify });
}

/** Opens a request; what is to be sent is written to it, and it is ended. */
export function startRequest(
  { at }: DaemonEndpoint,
  agent: http.Agent,
  { method, path, signal }: { method: string; path: string; signal: AbortSignal | undefined },
): http.ClientRequest {
  const where = 'socket' in at ? { socketPath: at.socket } : { host: at.host, port: at.port };
  const isTls = 'tls' in at && at.tls !== undefined;
  return (isTls ? https : http).request({
    ...where,
    agent,
    method,
    path,
    headers: { host: 'socket' in at ? 'docker' : `${at.host}:${at.port}` },
    ...(signal && { signal }),
  });
}

/** The answer to it; rejects with an error for people when the daemon can't be reached. */
export function answerOf(endpoint: DaemonEndpoint, request: http.ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Stays: a connection that breaks after the answer is told by the answer's body.
    request.on('error', (error) => reject(explain(endpoint, error)));
  });
}

/** What helps whoever wanted to load or save an image. */
export const otherwise =
  'Or go by a tar: -o type=docker,dest=FILE writes one, `cambium image import FILE` reads one';

function explain({ name, at }: DaemonEndpoint, error: Error): unknown {
  const rest = { cause: error };
  switch (errnoOf(error)) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
      return outside('no-docker', `No Docker daemon answers at ${name}.`, {
        ...rest,
        hint: `Start it, or name another by DOCKER_HOST. ${otherwise}`,
      });
    case 'EACCES':
    case 'EPERM':
      return outside('docker-permission', `This user may not use the Docker daemon at ${name}.`, {
        ...rest,
        hint: `Become a member of the group that owns the socket (docker), or run as root. ${otherwise}`,
      });
    default:
      if (isStranger(at, error))
        return outside(
          'docker-permission',
          `The Docker daemon at ${name} wants a certificate that it knows.`,
          {
            ...rest,
            hint: 'Put cert.pem and key.pem of its authority into the folder that DOCKER_CERT_PATH names.',
          },
        );
      if (isMistrust(error))
        return outside(
          'untrusted-docker',
          `The certificate of the Docker daemon at ${name} isn't trusted: ${error.message}.`,
          { ...rest, hint: 'Put its authority as ca.pem into the folder that DOCKER_CERT_PATH names.' },
        );
      if (error.name === 'AbortError' || error instanceof UserError) return error;
      return outside(
        'docker-broken',
        `The exchange with the Docker daemon at ${name} broke: ${error.message}.`,
        {
          ...rest,
          hint: 'Is the daemon all right? See `docker info`.',
        },
      );
  }
}

/** With TLS 1.3 a missing certificate shows in an alert after the handshake, or only in a connection that breaks then. */
function isStranger(at: DaemonEndpoint['at'], error: Error): boolean {
  const tls = 'tls' in at ? at.tls : undefined;
  const code = errnoOf(error) ?? '';
  const isAlert = /ALERT_(CERTIFICATE_REQUIRED|BAD_CERTIFICATE|UNKNOWN_CA)$/.test(code);
  return tls !== undefined && (isAlert || (tls.cert === undefined && ['ECONNRESET', 'EPIPE'].includes(code)));
}

function isMistrust(error: Error): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(errnoOf(error) ?? '');
}

/** All of an answer. */
export async function textOf(answer: Answer): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxAnswerBytes)
      throw outside('no-docker', 'The answer is too long to be that of a Docker daemon.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
