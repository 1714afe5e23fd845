/** URLs of git repositories, with branch and folder after `#`, or in the query. */
import { wrongUse } from '../../../kit/errors.ts';
import type { RemoteSource } from '../../../plan/index.ts';

export type GitUrl = Omit<Extract<RemoteSource, { type: 'git' }>, 'type'>;

const scp = /^(?:[A-Za-z0-9][\w.-]*@)[\w.-]+:(?!\/\/)[^\s]+$/;

/** Undefined for what isn't one: http(s) URLs are only with `.git` at the end of their path. */
export function parseGitUrl(text: string): GitUrl | undefined {
  if (/^(ssh|git):\/\//.test(text)) return readGitUrl(text);
  if (/^https?:\/\//.test(text)) {
    const path = URL.canParse(text) ? new URL(text).pathname : '';
    return path.endsWith('.git') ? readGitUrl(text) : undefined;
  }
  return scp.test(text) ? withFragment(text) : undefined;
}

/** Reads a URL that is known to be one of a repository. */
export function readGitUrl(text: string): GitUrl {
  if (!URL.canParse(text)) throw wrongUse('bad-git-url', `The address ${text} can't be read.`);
  const url = new URL(text);
  const parameters = new URLSearchParams(url.search);
  url.search = '';
  const found = withFragment(url.href);
  const fail = (why: string) => wrongUse('bad-git-url', `The address ${text} can't be read: ${why}.`);
  const set = (field: 'ref' | 'subfolder', value: string) => {
    if (found[field] !== undefined && found[field] !== value)
      throw fail(`it names \`${found[field]}\` and \`${value}\``);
    found[field] = value;
  };
  for (const [key, value] of parameters) {
    if (key === 'ref') set('ref', value);
    else if (key === 'tag') set('ref', value.startsWith('refs/tags/') ? value : `refs/tags/${value}`);
    else if (key === 'branch') set('ref', value.startsWith('refs/heads/') ? value : `refs/heads/${value}`);
    else if (key === 'subdir') set('subfolder', value);
    else if (key === 'checksum' || key === 'commit') found.checksum = value;
    else if (key === 'keep-git-dir') found.keepGitFolder = isOn(value);
    else if (key === 'submodules') found.submodules = isOn(value);
    else throw fail(`it has the unknown parameter \`${key}\``);
  }
  return found;
}

function isOn(value: string): boolean {
  return value === '' || value === '1' || value.toLowerCase() === 'true';
}

function withFragment(text: string): GitUrl {
  const hash = text.indexOf('#');
  if (hash === -1) return { remote: text };
  const fragment = text.slice(hash + 1);
  const colon = fragment.indexOf(':');
  const ref = colon === -1 ? fragment : fragment.slice(0, colon);
  const subfolder = colon === -1 ? '' : fragment.slice(colon + 1);
  return { remote: text.slice(0, hash), ...(ref && { ref }), ...(subfolder && { subfolder }) };
}
