/**
 * Names of images, normalised as Docker does (distribution/reference): `debian:12` is docker.io/library/debian:12,
 * and is shown in the short form again.
 */
import { type Digest, parseDigest } from '../kit/digest.ts';
import { type UserError, wrongUse } from '../kit/errors.ts';

export interface Reference {
  /** `docker.io`, `localhost:5000`. */
  domain: string;
  /** `library/debian`. */
  path: string;
  /** Absent only when there is a digest. */
  tag?: string;
  digest?: Digest;
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const pathPattern = new RegExp(`^${component}(?:/${component})*$`);
const domainPattern =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const maxNameLength = 255;

/** Reads a name; without tag and digest the tag is `latest`. Throws `bad-reference`. */
export function parseReference(text: string): Reference {
  const [, beforeDigest = '', digestText] = /^([^@]*)(?:@(.*))?$/s.exec(text) ?? [];
  const digest = digestText === undefined ? undefined : parseDigest(digestText);
  if (digestText !== undefined && digest === undefined)
    throw bad(text, `\`${digestText}\` is no sha256 digest`);
  const [, name = '', tag] = /^(.*?)(?::([^/:]*))?$/s.exec(beforeDigest) ?? [];
  if (tag !== undefined && !tagPattern.test(tag))
    throw bad(text, `the tag \`${tag}\` may hold letters, digits, _ . and - only, 128 at most`);

  const { domain, path } = splitDomain(name);
  if (!domainPattern.test(domain)) throw bad(text, `\`${domain}\` is no host name`);
  if (!pathPattern.test(path)) {
    const why = /[A-Z]/.test(path)
      ? 'it must be lower case'
      : 'it may hold lower case letters, digits and single . _ - / between them';
    throw bad(text, why);
  }
  if (/^[0-9a-f]{64}$/.test(name)) throw bad(text, 'it looks like an id');
  if (domain.length + 1 + path.length > maxNameLength)
    throw bad(text, `it is longer than ${maxNameLength} characters`);
  return {
    domain,
    path,
    ...(tag !== undefined ? { tag } : digest === undefined ? { tag: 'latest' } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = slash > 0 && (/[.:A-Z]/.test(first) || first === 'localhost');
  const domain = isDomain ? first : 'docker.io';
  const path = isDomain ? name.slice(slash + 1) : name;
  if (domain !== 'docker.io' && domain !== 'index.docker.io') return { domain, path };
  return { domain: 'docker.io', path: path.includes('/') ? path : `library/${path}` };
}

function bad(text: string, why: string): UserError {
  return wrongUse('bad-reference', `\`${text}\` is no name of an image: ${why}.`, {
    hint: 'Write it as name[:tag], for example web:1.2.',
  });
}

/** `docker.io/library/debian:12`. */
export function formatReference({ domain, path, tag, digest }: Reference): string {
  return `${domain}/${path}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The form in which tags are kept; a digest in it is not wanted. */
export function normaliseTag(text: string): string {
  const reference = parseReference(text);
  if (reference.digest !== undefined)
    throw wrongUse('bad-reference', `\`${text}\` names a digest, which can't be given to an image.`);
  return formatReference(reference);
}

/** `docker.io/library/debian:12` → `debian:12`. */
export function shortName(normalised: string): string {
  return normalised.replace(/^docker\.io\/(?:library\/(?=[^/]*$))?/, '');
}
