/**
 * File names are bytes; most are UTF-8. We hold them as strings in which each byte that is no UTF-8 stands
 * as a lone surrogate U+DC80…U+DCFF (the `surrogateescape` of Python's PEP 383), so that paths stay strings
 * everywhere and still reach the system byte for byte.
 */

// The second half of a real surrogate pair is no escaped byte.
const escaped = /(?<![\ud800-\udbff])[\udc80-\udcff]/;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes of a name → string. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeLossless(bytes);
  }
}

function decodeLossless(bytes: Uint8Array): string {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const width = sequenceWidth(bytes, at);
    if (width === 0) {
      text += String.fromCharCode(0xdc00 + (bytes[at] as number));
      at += 1;
    } else {
      text += strict.decode(bytes.subarray(at, at + width));
      at += width;
    }
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `at`, or 0. */
function sequenceWidth(bytes: Uint8Array, at: number): number {
  for (let width = 1; width <= 4 && at + width <= bytes.length; width++) {
    try {
      strict.decode(bytes.subarray(at, at + width));
      return width;
    } catch {
      // not a whole sequence yet
    }
  }
  return 0;
}

/** Whether a path or name holds bytes that are no UTF-8. */
export function isEscaped(name: string): boolean {
  return escaped.test(name);
}

/** String → bytes of the name. */
export function encodeName(name: string): Buffer {
  if (!escaped.test(name)) return Buffer.from(name);
  const parts = name.split(/((?<![\ud800-\udbff])[\udc80-\udcff])/).map((part) => {
    const unit = part.charCodeAt(0);
    return part.length === 1 && unit >= 0xdc80 && unit <= 0xdcff
      ? Buffer.from([unit - 0xdc00])
      : Buffer.from(part);
  });
  return Buffer.concat(parts);
}

/** What to hand to Node's fs functions: the string itself, or a Buffer where it holds escaped bytes. */
export function fsPath(path: string): string | Buffer {
  return escaped.test(path) ? encodeName(path) : path;
}

/** The name as people are shown it, in one line and obeyed by no terminal: `\\n`, `\\x1b`, and bytes that are no UTF-8 as `\\xff`. */
export function shownName(name: string): string {
  return name
    .replace(
      /[\x00-\x1f\x7f-\x9f]/g,
      (at) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[at] ?? hexEscape(at),
    )
    .replace(new RegExp(escaped, 'g'), hexEscape);
}

/** The low byte alone: of an escaped one, that is what stands in the name. */
function hexEscape(character: string): string {
  return `\\x${(character.charCodeAt(0) & 0xff).toString(16).padStart(2, '0')}`;
}
