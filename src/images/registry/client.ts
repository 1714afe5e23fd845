/**
 * Requests to one repository of a registry (OCI distribution 1.1): with access, redirects, and further tries where a
 * failure may pass. What a status means for a request is its caller's affair.
 */
import { outside, UserError } from '../../kit/errors.ts';
import { type Authoriser, createAuthoriser } from './authorise.ts';
import { discard, readExplanation, readSmall } from './body.ts';
import type { Answer, Body, Connector } from './connect.ts';
import type { Endpoint } from './endpoint.ts';
import { explainConnection, wordsOf } from './failures.ts';
import { findLogin } from './logins.ts';
import { type Attempt, isBrokenConnection, isPassing, retryAfterMs, withRetries } from './retry.ts';

export interface RegistryRequest {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  /** Below the repository (`manifests/12`), or an address that the registry gave. */
  at: string | URL;
  headers?: Readonly<Record<string, string>>;
  body?: Body;
  /** Asked for when the registry wants a token: `repository:library/debian:pull`. */
  scope: string;
  /** Only one try: what it changes there isn't the same when it is done twice. */
  once?: boolean;
}

export interface Registry {
  endpoint: Endpoint;
  /** `docker.io/library/debian`, for messages and records. */
  repository: string;
  /** The answer with whatever status. Rejects with a `UserError` where there is none. */
  send(request: RegistryRequest): Promise<Sent>;
  /** The same with a small body, read; what breaks while it is read is tried again. Refuses more than `limitBytes`. */
  fetchSmall(request: RegistryRequest, limitBytes: number, what: string): Promise<SmallAnswer>;
  /** What a refusing answer means, as an error; reads its body. */
  explain(answer: Answer | SmallAnswer, doing: string): Promise<UserError>;
}

export interface SmallAnswer extends Omit<Answer, 'body'> {
  bytes: Buffer;
}

const userAgent = 'cambium';
const maxRedirects = 5;

export interface OpenOptions {
  connector: Connector;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal | undefined;
}

export function openRegistry(
  endpoint: Endpoint,
  { connector, env = process.env, signal }: OpenOptions,
): Registry {
  const { domain, path, host } = endpoint;
  const authoriser = createAuthoriser(endpoint, connector, () => findLogin(domain, path, env), signal);
  let base: Promise<URL> | undefined;
  const baseOf = () => (base ??= findBase(endpoint, connector, signal));

  const attempt = async <T>(
    request: RegistryRequest,
    use: (answer: Sent) => Promise<T>,
  ): Promise<Attempt<T>> => {
    try {
      const root = await baseOf();
      const url = request.at instanceof URL ? request.at : new URL(`/v2/${path}/${request.at}`, root);
      const answer = await follow({ connector, endpoint, authoriser, signal, root }, request, url);
      if (!isPassing(answer.status)) return { done: await use(answer) };
      const failed = await explain(endpoint, authoriser, answer, 'answer');
      return { failed, waitMs: retryAfterMs(answer.headers) };
    } catch (error) {
      const failed = explainConnection(error, host);
      if (error instanceof UserError || !isBrokenConnection(error)) throw failed;
      return { failed };
    }
  };
  return {
    endpoint,
    repository: `${domain}/${path}`,
    async send(request) {
      const asItIs = async (answer: Sent) => answer;
      if (request.once !== true) return withRetries(() => attempt(request, asItIs), signal);
      const outcome = await attempt(request, asItIs);
      if ('done' in outcome) return outcome.done;
      throw outcome.failed;
    },
    fetchSmall: (request, limitBytes, what) =>
      withRetries(
        () =>
          attempt(request, async ({ status, headers, body }) => ({
            status,
            headers,
            bytes: await readSmall(body, limitBytes, what),
          })),
        signal,
      ),
    explain: (answer, doing) => explain(endpoint, authoriser, answer, doing),
  };
}

type Sent = Answer & { url: URL };

/** Which scheme is spoken there, where that isn't certain: a wrong one shows in the first answer. */
export async function findBase(
  { schemes, host, verify }: Endpoint,
  connector: Connector,
  signal?: AbortSignal,
): Promise<URL> {
  const [first, second] = schemes;
  if (second === undefined) return new URL(`${first}://${host}/`);
  const probe = new URL(`${first}://${host}/v2/`);
  const isSpoken = await withRetries<boolean>(async () => {
    try {
      const answer = await connector.exchange(probe, { method: 'GET', verify, signal });
      const bytes = await readExplanation(answer);
      // What servers in Go say to plain HTTP where they expect TLS.
      return {
        done: !(first === 'http' && answer.status === 400 && /https/i.test(bytes.toString('latin1'))),
      };
    } catch (error) {
      if (signal?.aborted === true) throw error;
      const { code = '', message } = error as NodeJS.ErrnoException;
      // What is told to be insecure may have no TLS at all, not even something that listens for it.
      const isOther = first === 'https' ? code !== 'ECONNRESET' : /hang up/.test(message);
      return isOther || !isBrokenConnection(error)
        ? { done: !isOther }
        : { failed: explainConnection(error, host) };
    }
  }, signal);
  return new URL(`${isSpoken ? first : second}://${host}/`);
}

interface Way {
  connector: Connector;
  endpoint: Endpoint;
  authoriser: Authoriser;
  signal: AbortSignal | undefined;
  /** The registry's own address: only there is access shown. */
  root: URL;
}

/** Sends it, answers one challenge, and follows where the answer leads. */
async function follow(way: Way, request: RegistryRequest, start: URL): Promise<Sent> {
  const { connector, endpoint, authoriser, signal, root } = way;
  let url = start;
  let hasMet = false;
  for (let hops = 0; hops <= maxRedirects; ) {
    const isOwn = url.origin === root.origin;
    const authorization = isOwn ? await authoriser.header(request.scope) : undefined;
    const headers = { ...request.headers, 'user-agent': userAgent, ...(authorization && { authorization }) };
    const { method, body } = request;
    const answer = await connector.exchange(url, {
      method,
      headers,
      ...(body && { body }),
      verify: endpoint.verify,
      signal,
    });
    if (answer.status === 401 && isOwn && !hasMet) {
      hasMet = true;
      if (await authoriser.meet(answer.headers['www-authenticate'], request.scope)) {
        await discard(answer.body);
        continue;
      }
    }
    const { location } = answer.headers;
    if (![301, 302, 303, 307, 308].includes(answer.status) || location === undefined)
      return { ...answer, url };
    await discard(answer.body);
    url = nextPlace(url, location, endpoint);
    hops += 1;
  }
  throw outside(
    'redirect-loop',
    `The registry ${endpoint.host} sends from one place to the next without end.`,
  );
}

/** An address that the registry names. From TLS it never leads to where there is none. */
export function nextPlace(from: URL, location: string, { host }: Endpoint): URL {
  if (!URL.canParse(location, from.href))
    throw outside('bad-redirect', `The registry ${host} leads to no address.`);
  const url = new URL(location, from);
  const isSafe = url.protocol === 'https:' || (url.protocol === 'http:' && from.protocol === 'http:');
  if (!isSafe) throw outside('bad-redirect', `The registry ${host} leads to a place that isn't safe.`);
  return url;
}

async function explain(
  { domain, path, host }: Endpoint,
  authoriser: Authoriser,
  answer: Answer | SmallAnswer,
  doing: string,
): Promise<UserError> {
  const { status } = answer;
  const bytes = 'bytes' in answer ? answer.bytes : await readExplanation(answer);
  const said = wordsOf(bytes, await authoriser.secrets());
  if (status === 401 || status === 403) {
    return (await authoriser.hasLogin())
      ? outside(
          'no-access',
          `The registry ${domain} gives no access to ${path}${said}: the login that is kept for it is wrong, or may not do that.`,
          {
            hint: `Log in again: cambium login ${domain}`,
          },
        )
      : outside(
          'no-access',
          `The registry ${domain} gives no access to ${path}${said}, or there is no such repository.`,
          {
            hint: `Look at its name, or log in: cambium login ${domain}`,
          },
        );
  }
  if (status === 429)
    return outside('too-many-requests', `The registry ${domain} refuses: too many requests${said}.`, {
      hint: 'Try again later, or log in: more is allowed then.',
    });
  return outside(
    'registry-refuses',
    `The registry ${host} doesn't ${doing} for ${path}: it says ${status}${said}.`,
  );
}
