/** Looks into the image that a copy goes to, without mounting it. Its symlinks are followed inside of it only. */
import { readFileSync, readlinkSync } from 'node:fs';
import { decodeName, fsPath } from '../../../kit/names.ts';
import { lstatIfAny, typeOf } from '../../../kit/walk.ts';
import type { ImageLook } from './targets.ts';

export interface Image extends ImageLook {
  /** Text of a regular file; empty where there is none. */
  readFile(path: string): string;
}

const maxLinks = 40;

/** `locate` gives the host path of what the image has at a path, no links followed. */
export function lookInto(locate: (path: string) => string | undefined): Image {
  const resolve = (path: string): string => {
    const names = path.split('/').filter((name) => name !== '' && name !== '.');
    const at: string[] = [];
    let isMissing = false;
    for (let links = 0; names.length > 0; ) {
      const name = names.shift() as string;
      if (name === '..') {
        at.pop();
        continue;
      }
      // Below what isn't there nothing else is.
      const host: string | undefined = isMissing ? undefined : locate([...at, name].join('/'));
      isMissing ||= host === undefined;
      const stats = host === undefined ? undefined : lstatIfAny(host);
      if (host === undefined || stats === undefined || typeOf(stats) !== 'symlink' || ++links > maxLinks) {
        at.push(name);
        continue;
      }
      const link = decodeName(readlinkSync(fsPath(host), { encoding: 'buffer' }));
      if (link.startsWith('/')) at.length = 0;
      names.unshift(...link.split('/').filter((part) => part !== '' && part !== '.'));
    }
    return at.join('/');
  };
  const typeAt = (host: string | undefined) => {
    const stats = host === undefined ? undefined : lstatIfAny(host);
    return stats && typeOf(stats);
  };
  return {
    resolve,
    isFolder: (path) => path === '' || typeAt(locate(path)) === 'directory',
    readFile(path) {
      const host = locate(resolve(path));
      return host !== undefined && typeAt(host) === 'file' ? readFileSync(fsPath(host), 'utf8') : '';
    },
  };
}
