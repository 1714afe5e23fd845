/** Programs that keep logins: docker-credential-NAME, which read a request on standard input and answer in JSON. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { errnoOf, outside } from '../../kit/errors.ts';
import { keyOfRegistry } from './login-file.ts';
import type { Login } from './logins.ts';

/** User name that a helper gives when the secret is an identity token. */
const tokenUser = '<token>';
/** A login is short; what goes on and on is none. */
const maxOutput = 1024 * 1024;

/** The login that the helper keeps; undefined when it has none. */
export async function askHelper(helper: string, domain: string): Promise<Login | undefined> {
  const { code, output } = await run(helper, 'get', keyOfRegistry(domain));
  if (code !== 0) {
    if (/credentials not found|no credentials|not exist/i.test(output)) return undefined;
    throw refused(helper, output);
  }
  const { user, secret } = parse(helper, output);
  if (secret === '') return undefined;
  return user === tokenUser ? { identityToken: secret } : { user, password: secret };
}

export async function storeInHelper(helper: string, domain: string, login: Login): Promise<void> {
  const [user, secret] =
    'identityToken' in login
      ? [tokenUser, login.identityToken]
      : 'user' in login
        ? [login.user, login.password]
        : ['', ''];
  const text = JSON.stringify({ ServerURL: keyOfRegistry(domain), Username: user, Secret: secret });
  const { code, output } = await run(helper, 'store', text);
  if (code !== 0) throw refused(helper, output);
}

/** False when it kept none. */
export async function eraseFromHelper(helper: string, domain: string): Promise<boolean> {
  const { code, output } = await run(helper, 'erase', keyOfRegistry(domain));
  if (code === 0) return true;
  if (/credentials not found|no credentials|not exist/i.test(output)) return false;
  throw refused(helper, output);
}

async function run(
  helper: string,
  verb: string,
  input: string,
): Promise<{ code: number | null; output: string }> {
  const program = `docker-credential-${helper}`;
  if (!/^[\w.-]+$/.test(helper)) throw outside('bad-login-file', `\`${helper}\` names no credential helper.`);
  const child = spawn(program, [verb], { stdio: ['pipe', 'pipe', 'ignore'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    // Whatever it started has the same pipe: without a reader all of it ends.
    if (output.length > maxOutput) child.stdout.destroy();
  });
  // It may end without reading.
  child.stdin.on('error', () => {});
  try {
    const closed = once(child, 'close') as Promise<[number | null]>;
    child.stdin.end(input);
    const [code] = await closed;
    if (output.length > maxOutput)
      throw outside('credential-helper', `${program} answers with more than any login can be.`);
    return { code, output: output.trim() };
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw outside('missing-program', `The program ${program}, which keeps the logins, is not installed.`, {
      hint: "Install it, or take `credsStore` or `credHelpers` out of Docker's config.json.",
      cause: error,
    });
  }
}

/** On failure a helper says why on standard output. What looks like a login isn't repeated, whatever it is there for. */
function refused(helper: string, output: string) {
  const [line = ''] = output.replace(/[^\x20-\x7e\n]+/g, ' ').split('\n');
  const why = /^[{["]/.test(line.trim()) ? '' : line.trim().slice(0, 200);
  return outside('credential-helper', `docker-credential-${helper} failed: ${why || 'it said nothing'}.`);
}

function parse(helper: string, output: string): { user: string; secret: string } {
  try {
    const { Username = '', Secret = '' } = JSON.parse(output) as Record<string, unknown>;
    if (typeof Username === 'string' && typeof Secret === 'string') return { user: Username, secret: Secret };
  } catch {
    // Told below.
  }
  throw outside('credential-helper', `docker-credential-${helper} answers with something that is no login.`);
}
