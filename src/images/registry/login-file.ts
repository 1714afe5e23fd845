/**
 * Docker's config.json, where logins are: which file it is, and reading it. Fields that are not ours are kept when it
 * is written again.
 */
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, outside } from '../../kit/errors.ts';

/** One entry of `auths`. */
export interface SavedLogin {
  /** Base64 of `user:password`. */
  auth?: string;
  username?: string;
  password?: string;
  /** A refresh token, to be changed for access tokens. */
  identitytoken?: string;
  /** An access token as it is. */
  registrytoken?: string;
}

export interface LoginFile {
  auths?: Record<string, SavedLogin>;
  /** Suffix of the program docker-credential-… that keeps all logins. */
  credsStore?: string;
  /** The same by registry. */
  credHelpers?: Record<string, string>;
}

export function loginFilePath(env: NodeJS.ProcessEnv): string {
  return join(env['DOCKER_CONFIG'] || join(env['HOME'] || homedir(), '.docker'), 'config.json');
}

/** An absent file is an empty one. */
export function readLoginFile(path: string): LoginFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return {};
    throw outside('bad-login-file', `${path} can't be read: ${(error as Error).message}.`, { cause: error });
  }
  try {
    const value: unknown = JSON.parse(text === '' ? '{}' : text);
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Error('it is no object');
    return value;
  } catch (error) {
    // Nothing of the text: there are passwords in it.
    throw outside('bad-login-file', `${path} is not JSON as Docker writes it.`, {
      hint: 'Mend or remove it, and log in again.',
      cause: error,
    });
  }
}

/** Key of Docker Hub's login, from the days of its first API. */
const hubKey = 'https://index.docker.io/v1/';

/** Under which key a registry's login is written. */
export function keyOfRegistry(domain: string): string {
  return domain === 'docker.io' ? hubKey : domain;
}

/** `https://host/v1/` and the like → `host`; `index.docker.io` → `docker.io`. */
export function registryOfKey(key: string): string {
  const host = key.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
  return ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'].includes(host)
    ? 'docker.io'
    : host;
}
