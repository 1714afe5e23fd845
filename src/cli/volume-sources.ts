/** What `cambium volume create --from` takes: where a volume's first files come from. */

import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type GitUrl, parseGitUrl, readGitUrl } from '../frontends/dockerfile/plan/git-url.ts';
import { copyMetadata } from '../kit/copy-node.ts';
import { copyTree } from '../kit/copy-tree.ts';
import { wrongUse } from '../kit/errors.ts';
import { findInRoot } from '../kit/in-root.ts';
import { statIfThere } from '../kit/stat.ts';
import { hideLogins } from '../kit/url-logins.ts';
import { readEntry } from '../kit/walk.ts';
import type { Run } from '../store/runs.ts';
import type { Store } from '../store/store.ts';
import {
  type Archive,
  findVolume,
  parsePlace,
  parseVolumeUrl,
  shownPlace,
  unpackArchive,
  type VolumePlace,
  withStill,
} from '../volumes/index.ts';

export interface VolumeSource {
  /** What `volume ls` says of it. */
  origin: string;
  /** Set for a whole volume, or a snapshot of one: it is cloned. */
  clone?: VolumePlace;
  fill(root: string): Promise<void>;
}

interface Place {
  store: Store;
  run: Run;
  cwd: string;
  signal: AbortSignal;
}

const forms =
  'It is a folder, a tar, - for a tar on standard input, git+URL, https://….git, image:NAME[:/PATH], or NAME[@SNAPSHOT][:/PATH] of a volume.';

/** Reads the flag's value; says at once when it can't be a source. */
export function volumeSource(text: string, place: Place): VolumeSource {
  if (text === '-') return fromArchive(process.stdin, 'standard input', place);
  const image = /^(?:docker-image:\/\/|image:)(.+?)(?::(\/.*))?$/.exec(text);
  if (image !== null) return fromImage(image[1] as string, image[2] ?? '/', place);
  const url = parseVolumeUrl(text);
  if (url !== undefined) return fromVolume(url, place);
  const volume = volumeNamed(text, place.store);
  // `user@host:/path` may be a repository, too, and is one unless there is such a volume.
  if (volume?.snapshot !== undefined) return fromVolume(volume, place);
  const git = text.startsWith('git+') ? readGitUrl(text.slice('git+'.length)) : parseGitUrl(text);
  if (git !== undefined) return fromGit({ keepGitFolder: true, ...git }, place);
  const path = resolve(place.cwd, text);
  const stats = statIfThere(path);
  if (stats?.isDirectory()) return fromFolder(realpathSync(path), place);
  if (stats !== undefined) return fromArchive(path, path, place);
  if (volume !== undefined) return fromVolume(volume, place);
  throw wrongUse('unknown-source', `There is nothing called \`${text}\` to make a volume from.`, {
    hint: forms,
  });
}

/** `NAME[@SNAPSHOT][:/PATH]`, if there is a volume of that name. */
function volumeNamed(text: string, store: Store): VolumePlace | undefined {
  if (!/^[a-zA-Z0-9][\w.-]*(@[\w.-]+)?(:\/.*)?$/.test(text)) return undefined;
  const volume = parsePlace(text);
  return findVolume(store, volume.name) === undefined ? undefined : volume;
}

function fromFolder(path: string, { store, signal }: Place): VolumeSource {
  if (`${realpathSync(store.dir)}/`.startsWith(path === '/' ? '/' : `${path}/`)) {
    throw wrongUse('bad-source', `The folder ${path} holds the store itself.`, {
      hint: 'Name a folder in it.',
    });
  }
  return { origin: `folder ${path}`, fill: (root) => copyInto(path, root, signal) };
}

/** The folder's own owner and mode become those of the volume's root. */
async function copyInto(path: string, root: string, signal: AbortSignal): Promise<void> {
  if (!statSync(path).isDirectory())
    throw wrongUse('not-a-folder', 'A volume is made from a folder, not from a file.');
  await copyTree(path, root, { signal });
  copyMetadata(readEntry(path, ''), root);
}

function fromArchive(archive: Archive, origin: string, { signal }: Place): VolumeSource {
  return { origin: `tar ${origin}`, fill: (root) => unpackArchive(archive, root, { signal }) };
}

function fromVolume(place: VolumePlace, { store, run, signal }: Place): VolumeSource {
  return {
    origin: `volume ${shownPlace(place)}`,
    ...(place.path === '/' && { clone: place }),
    fill: (root) => withStill(store, run, place, (host) => copyInto(host, root, signal), { signal }),
  };
}

function fromGit(git: GitUrl, { store, run, signal }: Place): VolumeSource {
  const { remote, ref } = git;
  return {
    origin: `git ${hideLogins(remote)}${ref === undefined ? '' : `#${ref}`}`,
    async fill(root) {
      const { fillFromRemote } = await import('../workers/local/remote/index.ts');
      await fillFromRemote(store, { type: 'git', ...git }, root, run.dir, signal);
      const { keepLogin } = await import('../workers/local/remote/git.ts');
      keepLogin(root, remote);
    },
  };
}

function fromImage(name: string, path: string, { store, signal }: Place): VolumeSource {
  return {
    origin: `image ${name}${path === '/' ? '' : `:${path}`}`,
    async fill(root) {
      const { requireImage } = await import('../images/index.ts');
      const { imageRoot } = await import('../images/image-root.ts');
      const { createLocalWorker } = await import('../workers/local/index.ts');
      const image = requireImage(store.db, name);
      const worker = createLocalWorker(store);
      try {
        const { snapshots } = await worker.open();
        worker.lease(image.snapshot);
        const from = findInRoot(imageRoot(snapshots.mountView(image.snapshot), image.root), path);
        if (from === undefined) throw wrongUse('missing-file', `There is no ${path} in the image ${name}.`);
        await copyInto(from, root, signal);
      } finally {
        worker.close();
      }
    },
  };
}
