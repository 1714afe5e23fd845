/** Brings blobs into a repository: mounted from another one, or sent; a connection that breaks goes on where it ended. */
import { outside } from '../../kit/errors.ts';
import { discard } from './body.ts';
import { nextPlace, type Registry } from './client.ts';
import type { Answer, Body } from './connect.ts';
import { isPassing, retryAfterMs, retryBudget } from './retry.ts';

export interface BlobToSend {
  digest: string;
  body: Body;
}

/** Whether the repository has the blob. */
export async function hasRemoteBlob(registry: Registry, digest: string, scope: string): Promise<boolean> {
  const answer = await registry.send({ method: 'HEAD', at: `blobs/${digest}`, scope });
  await discard(answer.body);
  if (answer.status === 200) return true;
  if (answer.status === 404) return false;
  throw await registry.explain(answer, 'say what it has');
}

/** Where an upload goes on. */
type Session = { url: URL };

/** Mounts the blob from another repository of the same registry; gives a session for sending it when that fails. */
export async function mountBlob(
  registry: Registry,
  digest: string,
  from: string,
  scope: string,
): Promise<'mounted' | Session> {
  const query = new URLSearchParams({ mount: digest, from });
  const answer = await registry.send({ method: 'POST', at: `blobs/uploads/?${query}`, scope });
  if (answer.status === 201) {
    await discard(answer.body);
    return 'mounted';
  }
  return sessionOf(registry, answer, 202);
}

/** Sends a blob, in one request where nothing breaks. */
export async function sendBlob(
  registry: Registry,
  { digest, body }: BlobToSend,
  scope: string,
  begun?: Session,
  signal?: AbortSignal,
): Promise<void> {
  const budget = retryBudget();
  let session = begun;
  let sent = 0;
  for (;;) {
    try {
      session ??= await begin(registry, scope);
      const answer = await (sent === 0
        ? finish(registry, session, digest, scope, body)
        : resume(registry, session, digest, scope, body, sent));
      if (answer.status === 201) {
        await discard(answer.body);
        return;
      }
      const failed = await registry.explain(answer, `take the blob ${digest}`);
      // What was begun and is gone begins anew.
      const isGone = answer.status === 404 && sent > 0;
      if (!isGone && !isPassing(answer.status)) throw failed;
      await budget.wait({ failed, waitMs: retryAfterMs(answer.headers) }, signal);
    } catch (error) {
      if (!(error instanceof Broken)) throw error;
      await budget.wait({ failed: error.cause }, signal);
    }
    const place: Place | undefined = session && (await askPlace(registry, session, scope));
    if (place !== undefined && place.sent > sent) budget.renew();
    sent = place?.sent ?? 0;
    session = place?.session;
  }
}

/** A connection that broke while bytes were sent. */
class Broken extends Error {}

async function begin(registry: Registry, scope: string): Promise<Session> {
  const answer = await registry.send({ method: 'POST', at: 'blobs/uploads/', scope });
  return sessionOf(registry, answer, 202);
}

async function sessionOf(
  registry: Registry,
  answer: Answer & { url: URL },
  status: number,
): Promise<Session> {
  if (answer.status !== status) throw await registry.explain(answer, 'take blobs');
  await discard(answer.body);
  const { location } = answer.headers;
  if (location === undefined)
    throw outside(
      'registry-refuses',
      `The registry ${registry.endpoint.host} doesn't say where to send a blob.`,
    );
  return { url: nextPlace(answer.url, location, registry.endpoint) };
}

async function sendOnce(...[registry, request]: [Registry, Parameters<Registry['send']>[0]]) {
  try {
    return await registry.send({ ...request, once: true });
  } catch (error) {
    throw new Broken('broken off', { cause: error });
  }
}

function finish(registry: Registry, { url }: Session, digest: string, scope: string, body?: Body) {
  const place = new URL(url);
  place.searchParams.set('digest', digest);
  const headers = { 'content-type': 'application/octet-stream' };
  return sendOnce(registry, { method: 'PUT', at: place, headers, scope, ...(body && { body }) });
}

/** The rest as one chunk, and the end. */
async function resume(
  registry: Registry,
  session: Session,
  digest: string,
  scope: string,
  body: Body,
  sent: number,
) {
  if (sent < body.size) {
    const rest: Body = { size: body.size - sent, stream: (start = 0) => body.stream(sent + start) };
    const headers = {
      'content-type': 'application/octet-stream',
      'content-range': `${sent}-${body.size - 1}`,
    };
    const answer = await sendOnce(registry, { method: 'PATCH', at: session.url, headers, body: rest, scope });
    if (answer.status !== 202) return answer;
    return finish(registry, await sessionOf(registry, answer, 202), digest, scope);
  }
  return finish(registry, session, digest, scope);
}

interface Place {
  session: Session;
  /** Bytes that are there already. */
  sent: number;
}

/** How far an upload came; undefined when it has to begin anew. */
async function askPlace(registry: Registry, session: Session, scope: string): Promise<Place | undefined> {
  const answer = await registry.send({ method: 'GET', at: session.url, scope });
  await discard(answer.body);
  const { location, range } = answer.headers;
  const last = /^(?:bytes=)?0-(\d+)$/.exec(range ?? '')?.[1];
  if (answer.status !== 204 || location === undefined || last === undefined) return undefined;
  // `0-0` stands for one byte, and for none: beginning anew is right for both.
  const sent = Number(last) === 0 ? 0 : Number(last) + 1;
  return sent === 0
    ? undefined
    : { session: { url: nextPlace(answer.url, location, registry.endpoint) }, sent };
}
