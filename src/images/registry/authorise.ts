/**
 * Access to one repository: answers a registry's challenge by Basic or by a token (distribution's token
 * authentication and its OAuth2 form), and renews tokens. What is secret stays in here.
 */
import { outside } from '../../kit/errors.ts';
import { readSmall } from './body.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { Connector } from './connect.ts';
import type { Endpoint } from './endpoint.ts';
import { explainConnection, wordsOf } from './failures.ts';
import type { Login } from './logins.ts';
import { isLoopback } from './proxy.ts';
import { type Attempt, isBrokenConnection, isPassing, retryAfterMs, withRetries } from './retry.ts';

export interface Authoriser {
  /** Value of the Authorization header for requests of a scope; undefined before there was a challenge. */
  header(scope: string): Promise<string | undefined>;
  /** Takes a challenge (WWW-Authenticate); false where there is no answer to it. */
  meet(header: string | undefined, scope: string): Promise<boolean>;
  /** Whether there is a login for the repository. */
  hasLogin(): Promise<boolean>;
  /** What no message may hold, of all that the registry was shown. */
  secrets(): Promise<string[]>;
}

interface Token {
  header: string;
  expiresMs: number;
}

/** Without `expires_in` a token lives a minute, says the specification. */
const defaultLifeSeconds = 60;
const renewEarlyMs = 10_000;
const maxTokenBytes = 1024 * 1024;

export function createAuthoriser(
  endpoint: Endpoint,
  connector: Connector,
  findLogin: () => Promise<Login | undefined>,
  signal?: AbortSignal,
): Authoriser {
  let challenge: Challenge | undefined;
  const tokens = new Map<string, Promise<Token>>();
  let login: Promise<Login | undefined> | undefined;
  const loginOf = () => (login ??= findLogin());

  const fresh = (scope: string): Promise<Token> => {
    const token = loginOf().then((known) =>
      fetchToken({ endpoint, connector, challenge: challenge as Challenge, scope, login: known, signal }),
    );
    token.catch(() => tokens.delete(scope));
    tokens.set(scope, token);
    return token;
  };
  return {
    hasLogin: async () => (await loginOf()) !== undefined,
    async secrets() {
      const given = await Promise.allSettled(tokens.values());
      const headers = given.flatMap((one) => (one.status === 'fulfilled' ? [one.value.header] : []));
      return [...headers.map((header) => header.slice('Bearer '.length)), ...secretsOf(await loginOf())];
    },
    async header(scope) {
      if (challenge === undefined) return undefined;
      if (challenge.scheme === 'basic') return basicOf(await loginOf());
      const known = await tokens.get(scope);
      return (known && known.expiresMs > Date.now() ? known : await fresh(scope)).header;
    },
    async meet(header, scope) {
      const offered = parseChallenges(header ?? '');
      const next =
        offered.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm')) ??
        offered.find(({ scheme }) => scheme === 'basic');
      if (next === undefined) return false;
      challenge = next;
      if (next.scheme === 'basic') return basicOf(await loginOf()) !== undefined;
      await fresh(scope);
      return true;
    },
  };
}

function basicOf(login: Login | undefined): string | undefined {
  if (login === undefined || !('user' in login)) return undefined;
  return `Basic ${secretsOf(login)[0]}`;
}

/** The form in which it is sent first: what it is made of may be a part of that. */
function secretsOf(login: Login | undefined): string[] {
  if (login === undefined) return [];
  if ('accessToken' in login) return [login.accessToken];
  if ('identityToken' in login) return [login.identityToken];
  const basic = Buffer.from(`${login.user}:${login.password}`).toString('base64');
  return [basic, login.password].filter((text) => text !== '');
}

interface TokenRequest {
  endpoint: Endpoint;
  connector: Connector;
  challenge: Challenge;
  scope: string;
  login: Login | undefined;
  signal: AbortSignal | undefined;
}

async function fetchToken(request: TokenRequest): Promise<Token> {
  const { endpoint, connector, login, signal } = request;
  if (login && 'accessToken' in login)
    return { header: `Bearer ${login.accessToken}`, expiresMs: Number.POSITIVE_INFINITY };
  const realm = realmOf(request);
  const verify = endpoint.verify;
  const { url, exchange } =
    login && 'identityToken' in login
      ? byRefreshToken(realm, request, login.identityToken)
      : byGet(realm, request);
  return withRetries<Token>(async (): Promise<Attempt<Token>> => {
    try {
      const answer = await connector.exchange(url, { ...exchange, verify, signal });
      const bytes = await readSmall(answer.body, maxTokenBytes, `the answer of ${realm.host}`);
      if (answer.status === 200) return { done: readToken(bytes, realm.host) };
      const failed = refusal(request, realm.host, answer.status, bytes);
      if (!isPassing(answer.status)) throw failed;
      return { failed, waitMs: retryAfterMs(answer.headers) };
    } catch (error) {
      if (!isBrokenConnection(error)) throw explainConnection(error, realm.host);
      return { failed: explainConnection(error, realm.host) };
    }
  }, signal);
}

/**
 * Where tokens are given. A login goes nowhere unencrypted where the registry itself is reached by TLS, and only a registry
 * of this machine may name a place of this machine.
 */
function realmOf({ challenge, endpoint, login }: TokenRequest): URL {
  const text = challenge.parameters.get('realm') ?? '';
  const realm = URL.canParse(text) ? new URL(text) : undefined;
  if (realm?.protocol === 'https:') return realm;
  const isLocal = realm !== undefined && isLoopback(realm.hostname) && isLoopback(hostnameOf(endpoint));
  if (realm?.protocol === 'http:' && (!endpoint.verify || isLocal || login === undefined)) return realm;
  throw outside('bad-realm', `The registry ${endpoint.host} wants a login sent to a place that isn't safe.`, {
    hint: 'It names no https address where tokens are given.',
  });
}

function hostnameOf({ host }: Endpoint): string {
  return new URL(`https://${host}`).hostname;
}

function byGet(realm: URL, { challenge, scope, login }: TokenRequest) {
  const url = new URL(realm);
  const service = challenge.parameters.get('service');
  if (service !== undefined) url.searchParams.set('service', service);
  for (const one of scope.split(' ').filter((part) => part !== '')) url.searchParams.append('scope', one);
  const authorization = basicOf(login);
  if (login && 'user' in login) url.searchParams.set('account', login.user);
  return { url, exchange: { method: 'GET' as const, headers: authorization ? { authorization } : {} } };
}

function byRefreshToken(realm: URL, { challenge, scope }: TokenRequest, refreshToken: string) {
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    service: challenge.parameters.get('service') ?? '',
    client_id: 'cambium',
    scope,
    refresh_token: refreshToken,
  });
  const bytes = Buffer.from(form.toString());
  const body = {
    size: bytes.length,
    async *stream() {
      yield bytes;
    },
  };
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { url: realm, exchange: { method: 'POST' as const, headers, body } };
}

function readToken(bytes: Buffer, host: string): Token {
  try {
    const { token, access_token, expires_in } = JSON.parse(bytes.toString('utf8')) as Record<string, unknown>;
    const text = token || access_token;
    if (typeof text !== 'string' || !/^[\x21-\x7e]+$/.test(text)) throw new Error('no token');
    const seconds = typeof expires_in === 'number' && expires_in > 0 ? expires_in : defaultLifeSeconds;
    // At least some of its life is used, however short it is.
    const lifeMs = Math.max(seconds * 1000 - renewEarlyMs, seconds * 500);
    return { header: `Bearer ${text}`, expiresMs: Date.now() + lifeMs };
  } catch {
    throw outside('bad-token', `${host} gives no token that can be understood.`);
  }
}

function refusal({ endpoint, login }: TokenRequest, realmHost: string, status: number, bytes: Buffer) {
  const said = wordsOf(bytes, secretsOf(login));
  if ((status === 401 || status === 403) && login !== undefined) {
    return outside(
      'wrong-login',
      `The registry ${endpoint.domain} doesn't accept the login that is kept for it${said}.`,
      {
        hint: `Log in again: cambium login ${endpoint.domain}`,
      },
    );
  }
  return outside(
    'no-token',
    `${realmHost} gives no access to ${endpoint.domain}/${endpoint.path}: it says ${status}${said}.`,
    {
      ...(login === undefined && { hint: `Log in: cambium login ${endpoint.domain}` }),
    },
  );
}
