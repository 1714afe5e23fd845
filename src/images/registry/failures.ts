/** What goes wrong with a registry, in words. No address with a query, no header and no login gets into them. */
import { errnoOf, outside, UserError } from '../../kit/errors.ts';

/** An error of a connection, told as what it means for `host`. */
export function explainConnection(error: unknown, host: string): unknown {
  if (error instanceof UserError || (error instanceof Error && error.name === 'AbortError')) return error;
  const code = errnoOf(error) ?? '';
  const rest = { cause: error };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
    return outside('unknown-host', `The registry ${host} can't be found: nobody knows that name.`, {
      ...rest,
      hint: 'Look at its spelling, at the network, and at HTTPS_PROXY.',
    });
  }
  if (/CERT|SELF_SIGNED|UNABLE_TO_(GET|VERIFY)/.test(code)) {
    return outside(
      'untrusted-registry',
      `The certificate of ${host} isn't trusted: ${(error as Error).message}.`,
      {
        ...rest,
        hint: `Put its authority into /etc/docker/certs.d/${host}/ca.crt, or name a file in SSL_CERT_FILE.`,
      },
    );
  }
  if (code === 'EPROTO' || code.startsWith('ERR_SSL')) {
    return outside('no-tls', `The registry ${host} doesn't speak TLS as it should.`, {
      ...rest,
      hint: 'If it is one without TLS, say so: --tls-verify=false, or `insecure = true` in registries.conf.',
    });
  }
  if (code === 'ECONNREFUSED' || code === 'EHOSTUNREACH' || code === 'ENETUNREACH') {
    return outside('unreachable-registry', `The registry ${host} can't be reached: nobody answers there.`, {
      ...rest,
      hint: 'Look at its address and port, at the network, and at HTTPS_PROXY.',
    });
  }
  if (code === 'ETIMEDOUT')
    return outside('unreachable-registry', `The registry ${host} is silent for too long.`, rest);
  if (error instanceof Error && (code !== '' || /socket hang up|aborted/.test(error.message)))
    return outside(
      'unreachable-registry',
      `The connection to ${host} breaks again and again (${code || error.message}).`,
      rest,
    );
  return error;
}

/** The codes of an answer in distribution's form: `MANIFEST_INVALID`. */
export function codesOf(bytes: Buffer): string[] {
  try {
    const { errors } = JSON.parse(bytes.toString('utf8')) as { errors?: { code?: unknown }[] };
    return (errors ?? []).map(({ code }) => String(code));
  } catch {
    return [];
  }
}

/** ` (“the words”)` of an answer in distribution's form, or nothing; without `secrets`, which some servers repeat. */
export function wordsOf(bytes: Buffer, secrets: Iterable<string>): string {
  try {
    const value = JSON.parse(bytes.toString('utf8')) as {
      errors?: { message?: string; code?: string }[];
      details?: string;
      message?: string;
    };
    const first = value.errors?.[0];
    const text = first?.message || first?.code || value.details || value.message || '';
    const clean = [...secrets]
      .reduce((words, secret) => words.replaceAll(secret, '…'), String(text))
      .replace(/[^\x20-\x7e\u2026]+/g, ' ')
      .replace(/\s*\.?\s*$/, '')
      .slice(0, 200);
    return clean === '' ? '' : ` (${clean})`;
  } catch {
    return '';
  }
}
