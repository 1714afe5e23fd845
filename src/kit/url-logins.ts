/** Logins within URLs (`https://user:password@host/`): kept from eyes, and given to servers as they ask for them. */

/** The text with `***` in place of the login of each URL in it. A name alone may be a token, so it goes too. */
export function hideLogins(text: string): string {
  return text.replace(/\b(https?:\/\/)[^\s/?#'"`]+@/gi, '$1***@');
}

export interface UrlLogin {
  user: string;
  password: string;
}

/** The URL without its login, and that, where there is one. */
export function splitLogin(url: URL): { bare: URL; login?: UrlLogin } {
  if (url.username === '' && url.password === '') return { bare: url };
  const bare = new URL(url);
  [bare.username, bare.password] = ['', ''];
  return { bare, login: { user: decode(url.username), password: decode(url.password) } };
}

/** The URL without its login, and that as an `authorization` header (RFC 7617), where there is one. */
export function splitAuthorization(url: URL): { bare: URL; authorization?: string } {
  const { bare, login } = splitLogin(url);
  if (login === undefined) return { bare };
  const text = Buffer.from(`${login.user}:${login.password}`).toString('base64');
  return { bare, authorization: `Basic ${text}` };
}

/** Percent signs that encode nothing stand for themselves. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
