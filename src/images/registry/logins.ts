/** The login for a repository: from a credential helper, else from Docker's config.json, else from Podman's auth.json. */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  type LoginFile,
  loginFilePath,
  readLoginFile,
  registryOfKey,
  type SavedLogin,
} from './login-file.ts';

export interface UserLogin {
  user: string;
  password: string;
}

export type Login =
  | UserLogin
  /** A refresh token. */
  | { identityToken: string }
  /** An access token as it is. */
  | { accessToken: string };

/** `domain` as references have it (`docker.io`); `path` of the repository, for logins that hold for a part only. */
export async function findLogin(
  domain: string,
  path: string,
  env: NodeJS.ProcessEnv,
): Promise<Login | undefined> {
  for (const file of loginFiles(env)) {
    const content = readLoginFile(file);
    const helper = helperFor(content, domain);
    if (helper !== undefined) {
      const { askHelper } = await import('./credential-helper.ts');
      const login = await askHelper(helper, domain);
      if (login !== undefined) return login;
    }
    const login = savedLogin(content, domain, path);
    if (login !== undefined) return login;
  }
  return undefined;
}

/** Docker's file, then Podman's. */
function loginFiles(env: NodeJS.ProcessEnv): string[] {
  const runtime = env['XDG_RUNTIME_DIR'] && join(env['XDG_RUNTIME_DIR'], 'containers/auth.json');
  const config = join(
    env['XDG_CONFIG_HOME'] || join(env['HOME'] || homedir(), '.config'),
    'containers/auth.json',
  );
  const podman = env['REGISTRY_AUTH_FILE'] ? [env['REGISTRY_AUTH_FILE']] : [runtime, config];
  return [loginFilePath(env), ...podman.filter((file) => file && existsSync(file))] as string[];
}

export function helperFor({ credHelpers, credsStore }: LoginFile, domain: string): string | undefined {
  const own = Object.entries(credHelpers ?? {}).find(([key]) => registryOfKey(key) === domain)?.[1];
  return own || credsStore || undefined;
}

/** The entry for the longest part of `domain/path`. */
function savedLogin({ auths }: LoginFile, domain: string, path: string): Login | undefined {
  const names = new Map(Object.entries(auths ?? {}).map(([key, saved]) => [registryOfKey(key), saved]));
  for (
    let name = `${domain}/${path}`;
    name !== '';
    name = name.slice(0, Math.max(0, name.lastIndexOf('/')))
  ) {
    const saved = names.get(name);
    const login = saved && readSaved(saved);
    if (login !== undefined) return login;
  }
  return undefined;
}

function readSaved({
  auth,
  username,
  password,
  identitytoken,
  registrytoken,
}: SavedLogin): Login | undefined {
  if (registrytoken) return { accessToken: registrytoken };
  if (identitytoken) return { identityToken: identitytoken };
  if (username && password) return { user: username, password };
  const text = Buffer.from(auth ?? '', 'base64')
    .toString('utf8')
    .replace(/\0+$/, '');
  const colon = text.indexOf(':');
  return colon < 1 ? undefined : { user: text.slice(0, colon), password: text.slice(colon + 1) };
}
