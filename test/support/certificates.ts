/** An authority of a test's own, and certificates that it signed. */
import { writeFileSync } from 'node:fs';
import { run } from './registry-images.ts';
import type { Scratch } from './scratch.ts';

export interface Certificate {
  certificate: string;
  key: string;
}

/** Makes an authority in the folder; returns the file of its certificate. */
export function makeAuthority(place: Scratch): string {
  const made = ['-keyout', place.path('ca.key'), '-out', place.path('ca.crt')];
  run('openssl', 'req', '-x509', ...newKey, '-days', '2', '-subj', '/CN=test authority', ...made);
  return place.path('ca.crt');
}

/** A certificate of the authority of that folder: of a server on loopback or `registry.test`, or of a client. */
export function signed(place: Scratch, name: string, use: 'server' | 'client' = 'server'): Certificate {
  const [key, request, certificate] = ['key', 'csr', 'pem'].map((end) => place.path(`${name}.${end}`)) as [
    string,
    string,
    string,
  ];
  run('openssl', 'req', ...newKey, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
  const extensions =
    use === 'server' ? 'subjectAltName=DNS:registry.test,IP:127.0.0.1' : 'extendedKeyUsage=clientAuth';
  writeFileSync(place.path(`${name}.ext`), `${extensions}\n`);
  const authority = ['-CA', place.path('ca.crt'), '-CAkey', place.path('ca.key'), '-CAcreateserial'];
  const rest = ['-days', '2', '-extfile', place.path(`${name}.ext`), '-out', certificate];
  run('openssl', 'x509', '-req', '-in', request, ...authority, ...rest);
  return { certificate, key };
}

const newKey = ['-newkey', 'rsa:2048', '-nodes'];
