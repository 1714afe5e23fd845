/** Bytes of a Dockerfile → text: UTF-8 without NUL, a byte order mark left out. */
import type { SourceLocation } from '../../../kit/errors.ts';
import { blameAt } from './complain.ts';

/** Throws a UserError that names the line for bytes that are no text. */
export function decodeDockerfile(bytes: Uint8Array, file: string): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) throw utf16(file);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) throw utf16(file);
  const nul = bytes.indexOf(0);
  if (nul >= 0) {
    throw blameAt(placeOfByte(bytes, nul, file), 'The Dockerfile holds a NUL byte: it is no text.', {
      code: 'dockerfile-not-text',
      hint: 'Is this the right file?',
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw blameAt(placeOfByte(bytes, firstBadLine(bytes), file), 'The Dockerfile is not UTF-8 here.', {
      code: 'dockerfile-not-text',
      hint: 'Save it as UTF-8.',
    });
  }
}

function utf16(file: string) {
  return blameAt({ file, line: 1 }, 'The Dockerfile is UTF-16, not UTF-8.', {
    code: 'dockerfile-not-text',
    hint: 'Save it as UTF-8.',
  });
}

/** Where the first line begins that isn't UTF-8: a sequence never spans lines, since `\n` is part of none. */
function firstBadLine(bytes: Uint8Array): number {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(0x0a, from);
    const next = end < 0 ? bytes.length : end + 1;
    try {
      decoder.decode(bytes.subarray(from, next));
    } catch {
      return from;
    }
    from = next;
  }
  return 0;
}

function placeOfByte(bytes: Uint8Array, offset: number, file: string): SourceLocation {
  let line = 1;
  for (let at = bytes.indexOf(0x0a); at >= 0 && at < offset; at = bytes.indexOf(0x0a, at + 1)) line += 1;
  return { file, line };
}
