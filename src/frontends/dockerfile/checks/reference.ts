/** Whether a text can name an image, by the grammar of the distribution project's references. */

const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = `(?:${label}(?:\\.${label})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const tag = '\\w[\\w.-]{0,127}';
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const tail = `(?::${tag})?(?:@${digest})?$`;
const path = new RegExp(`^${component}(?:/${component})*${tail}`);
const full = new RegExp(`^${domain}/${component}(?:/${component})*${tail}`);

export function canNameImage(text: string): boolean {
  // A bare digest would be ambiguous.
  if (/^[a-f0-9]{64}$/.test(text) || text.length > 1024) return false;
  const first = text.slice(0, Math.max(0, text.indexOf('/')));
  const hasDomain = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  return (hasDomain ? full : path).test(text);
}
