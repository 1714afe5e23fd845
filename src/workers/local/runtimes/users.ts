/**
 * Who a run is: a user and a group of the image, looked up in its own /etc/passwd and /etc/group, read so that
 * no symlink of the image leads out of it.
 */
import { closeSync, constants, fstatSync, readFileSync } from 'node:fs';
import { errnoOf, wrongUse } from '../../../kit/errors.ts';
import { openFolder, openInRoot } from '../../../kit/system.ts';

export interface Identity {
  uid: number;
  gid: number;
  additionalGids: readonly number[];
  /** Home folder, `/` where passwd doesn't say. */
  home: string;
}

interface PasswdLine {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupLine {
  name: string;
  gid: number;
  members: readonly string[];
}

/**
 * Resolves `user[:group]` (names or numbers; `''` is root) as `docker run --user` does: a number need not be
 * listed, a name must; supplementary groups count only where no group is given. `more`: groups of `--group-add`.
 */
export function lookUpUser(rootfs: string, user: string, more: readonly string[] = []): Identity {
  const [userPart = '', groupPart = ''] = user.split(':', 2);
  const passwd = parsePasswd(readInside(rootfs, 'etc/passwd'));
  const groups = parseGroups(readInside(rootfs, 'etc/group'));
  const wanted = userPart === '' ? '0' : userPart;
  const entry =
    passwd.find((line) => line.name === wanted) ?? passwd.find((line) => String(line.uid) === wanted);
  const uid = entry?.uid ?? numberOf(wanted);
  if (uid === undefined) {
    throw wrongUse('unknown-user', `The image has no user '${wanted}'.`, {
      hint: 'Create the user in an earlier step, or give a numeric id.',
    });
  }
  const home = entry?.home || '/';
  const added = more.map((group) => lookUpGroup(groups, group));
  // The main group stands in the list too: else a setgid program could shed it, and with it what is denied to it.
  if (groupPart !== '') {
    const gid = lookUpGroup(groups, groupPart);
    return { uid, gid, additionalGids: [...new Set([gid, ...added])], home };
  }
  const gid = entry?.gid ?? 0;
  const additional = groups
    .filter((group) => entry && group.members.includes(entry.name))
    .map((group) => group.gid);
  return { uid, gid, additionalGids: [...new Set([gid, ...additional, ...added])], home };
}

/**
 * Resolves the owner of copied files, `user[:group]`, as COPY and WORKDIR have it: a number is taken as it is and gives
 * the group too; a user that the image doesn't have is root, and such a group the user's own. `readFile` gives the text of a file of the image.
 */
export function lookUpOwner(readFile: (path: string) => string, spec: string): { uid: number; gid: number } {
  const colon = spec.indexOf(':');
  const user = colon === -1 ? spec : spec.slice(0, colon);
  const group = colon === -1 ? '' : spec.slice(colon + 1);
  const own = numberOf(user);
  const entry =
    own === undefined && user !== ''
      ? parsePasswd(readFile('etc/passwd')).find(({ name }) => name === user)
      : undefined;
  const uid = own ?? entry?.uid ?? 0;
  const ownGroup = own ?? entry?.gid ?? 0;
  if (group === '') return { uid, gid: ownGroup };
  const gid =
    numberOf(group) ?? parseGroups(readFile('etc/group')).find(({ name }) => name === group)?.gid ?? ownGroup;
  return { uid, gid };
}

function lookUpGroup(groups: readonly GroupLine[], wanted: string): number {
  const gid = groups.find((group) => group.name === wanted)?.gid ?? numberOf(wanted);
  if (gid !== undefined) return gid;
  throw wrongUse('unknown-group', `The image has no group '${wanted}'.`, {
    hint: 'Create the group in an earlier step, or give a numeric id.',
  });
}

/** A decimal id as the kernel takes it, or undefined. */
function numberOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const value = Number(text);
  return value < 2 ** 31 ? value : undefined;
}

function parsePasswd(text: string): PasswdLine[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , uidText, gidText, , home = ''] = line.trim().split(':');
    const [uid, gid] = [numberOf(uidText), numberOf(gidText)];
    return uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
  });
}

function parseGroups(text: string): GroupLine[] {
  return text.split('\n').flatMap((line) => {
    const [name = '', , gidText, members = ''] = line.trim().split(':');
    const gid = numberOf(gidText);
    return gid === undefined ? [] : [{ name, gid, members: members.split(',') }];
  });
}

/** Text of a regular file of the image; empty where there is none. */
function readInside(rootfs: string, path: string): string {
  const root = openFolder(rootfs);
  try {
    // Without O_NONBLOCK a FIFO of that name would hold us for ever.
    const fd = openInRoot(root, path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return fstatSync(fd).isFile() ? readFileSync(fd, 'utf8') : '';
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO'].includes(errnoOf(error) ?? '')) return '';
    throw error;
  } finally {
    closeSync(root);
  }
}
