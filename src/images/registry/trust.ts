/**
 * Which certificates are trusted: the machine's own list, what SSL_CERT_FILE or NODE_EXTRA_CA_CERTS add, and those that
 * Docker and Podman keep by registry in certs.d. Read when the first TLS connection is made: it takes 10 ms.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import tls from 'node:tls';
import { outside } from '../../kit/errors.ts';

export interface Trust {
  ca: string[];
  /** The client's own certificate and key, where the registry asks for one. */
  cert?: string;
  key?: string;
}

/** Where distributions keep the machine's list; the first that is there. */
const systemLists = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

const folders = ['/etc/containers/certs.d', '/etc/docker/certs.d'];

/** `host` with its port, as it stands in the reference: `registry.example:5000`. */
export function trustFor(host: string, env: NodeJS.ProcessEnv): Trust {
  const list = env['SSL_CERT_FILE'] || systemLists.find((file) => existsSync(file));
  // The launcher keeps the variable from Node, which would read the file at every start.
  const extra = env['CAMBIUM_EXTRA_CA_CERTS'] || env['NODE_EXTRA_CA_CERTS'];
  const own = ownOf(host, env);
  return {
    ca: [
      ...(list === undefined ? tls.rootCertificates : [read(list)]),
      ...(extra && extra !== list ? [read(extra)] : []),
      ...own.ca,
    ],
    ...(own.cert !== undefined && own.key !== undefined && { cert: own.cert, key: own.key }),
  };
}

/** Of certs.d/HOST[:PORT]: `*.crt` are authorities, `*.cert` with `*.key` the client's own. */
function ownOf(host: string, env: NodeJS.ProcessEnv): Trust {
  const home = env['HOME']
    ? [join(env['HOME'], '.config/containers/certs.d'), join(env['HOME'], '.docker/certs.d')]
    : [];
  const trust: Trust = { ca: [] };
  for (const folder of [...home, ...folders].map((parent) => join(parent, host))) {
    if (!existsSync(folder)) continue;
    for (const name of readdirSync(folder).sort()) {
      if (name.endsWith('.crt')) trust.ca.push(read(join(folder, name)));
      else if (name.endsWith('.cert')) trust.cert ??= read(join(folder, name));
      else if (name.endsWith('.key')) trust.key ??= read(join(folder, name));
    }
  }
  return trust;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw outside(
      'bad-certificates',
      `The certificates in ${file} can't be read: ${(error as Error).message}.`,
      {
        cause: error,
      },
    );
  }
}
