/** `login` and `logout`: checks a login with its registry, and writes it where Docker would. */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { explainSystemError, outside, wrongUse } from '../../kit/errors.ts';
import { statIfThere } from '../../kit/stat.ts';
import { parseReference } from '../references.ts';
import { createAuthoriser } from './authorise.ts';
import { discard } from './body.ts';
import { findBase } from './client.ts';
import { openConnector } from './connect.ts';
import { ownEndpoint, type Reach } from './endpoint.ts';
import { keyOfRegistry, type LoginFile, loginFilePath, readLoginFile, registryOfKey } from './login-file.ts';
import { helperFor, type UserLogin } from './logins.ts';

/** Where a login was written: the file, or the program that keeps it. */
export interface LoginPlace {
  file: string;
  helper?: string;
}

/** `docker.io` for nothing, `https://index.docker.io/v1/` and the like. Throws `bad-registry`. */
export function registryName(text = 'docker.io'): string {
  const name = registryOfKey(text.replace(/\/+$/, ''));
  try {
    if (parseReference(`${name}/any:tag`).domain === name) return name;
  } catch {
    // Told below.
  }
  throw wrongUse('bad-registry', `\`${text}\` is no registry.`, {
    hint: 'Write its host, with its port where it has one: registry.example:5000.',
  });
}

/** Asks the registry whether it takes the login. Throws `wrong-login`. */
export async function checkLogin(domain: string, login: UserLogin, reach: Reach): Promise<void> {
  const endpoint = ownEndpoint(parseReference(`${domain}/any`), reach);
  using connector = openConnector();
  const authoriser = createAuthoriser(endpoint, connector, async () => login);
  const base = await findBase(endpoint, connector);
  const url = new URL('/v2/', base);
  const ask = async () => {
    const authorization = await authoriser.header('');
    const headers = authorization ? { authorization } : {};
    const answer = await connector.exchange(url, { method: 'GET', headers, verify: endpoint.verify });
    await discard(answer.body);
    return answer;
  };
  const { explainConnection } = await import('./failures.ts');
  try {
    let answer = await ask();
    const challenge = answer.headers['www-authenticate'];
    if (answer.status === 401 && (await authoriser.meet(challenge, ''))) answer = await ask();
    if (answer.status === 200) return;
    throw answer.status === 401 || answer.status === 403
      ? outside('wrong-login', `The registry ${domain} doesn't accept the login of ${login.user}.`, {
          hint: 'Look at user and password; some registries want a token instead of the password.',
        })
      : outside(
          'registry-refuses',
          `The registry ${domain} doesn't answer as one: it says ${answer.status}.`,
        );
  } catch (error) {
    throw explainConnection(error, endpoint.host);
  }
}

/** Writes the login into Docker's config.json (mode 0600), or gives it to the program that keeps logins. */
export async function saveLogin(domain: string, login: UserLogin, env = process.env): Promise<LoginPlace> {
  const file = loginFilePath(env);
  const content = readLoginFile(file);
  const helper = helperFor(content, domain);
  const auths = withoutLogin(content, domain);
  const key = keyOfRegistry(domain);
  if (helper === undefined) {
    const auth = Buffer.from(`${login.user}:${login.password}`).toString('base64');
    writeLoginFile(file, { ...content, auths: { ...auths, [key]: { auth } } });
    return { file };
  }
  const { storeInHelper } = await import('./credential-helper.ts');
  await storeInHelper(helper, domain, login);
  // As Docker does: an empty entry tells that there is one.
  writeLoginFile(file, { ...content, auths: { ...auths, [key]: {} } });
  return { file, helper };
}

/** Removes the login; false when there was none. */
export async function removeLogin(domain: string, env = process.env): Promise<boolean> {
  const file = loginFilePath(env);
  const content = readLoginFile(file);
  const helper = helperFor(content, domain);
  let had = false;
  if (helper !== undefined) {
    const { eraseFromHelper } = await import('./credential-helper.ts');
    had = await eraseFromHelper(helper, domain);
  }
  const auths = withoutLogin(content, domain);
  if (Object.keys(auths).length < Object.keys(content.auths ?? {}).length) {
    had = true;
    writeLoginFile(file, { ...content, auths });
  }
  return had;
}

/** One registry may have been written in several ways. */
function withoutLogin({ auths }: LoginFile, domain: string): NonNullable<LoginFile['auths']> {
  return Object.fromEntries(Object.entries(auths ?? {}).filter(([key]) => registryOfKey(key) !== domain));
}

/** Whole or not at all; of a link, the file that it leads to. */
function writeLoginFile(path: string, content: LoginFile): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const there = statIfThere(path);
    const place = there ? realpathSync(path) : path;
    const temporary = `${place}.${randomBytes(6).toString('hex')}`;
    try {
      writeFileSync(temporary, `${JSON.stringify(content, undefined, '\t')}\n`, { mode: 0o600, flag: 'wx' });
      chmodSync(temporary, 0o600);
      renameSync(temporary, place);
    } finally {
      rmSync(temporary, { force: true });
    }
  } catch (error) {
    throw explainSystemError(error, `writing ${path}`);
  }
}
