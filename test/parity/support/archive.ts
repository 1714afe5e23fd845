/** Reads images out of `docker save` archives: the tree that the layers make together, and the configuration. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { streamInput } from '../../../src/kit/tar/input.ts';
import { readTar } from '../../../src/kit/tar/read.ts';

export interface TreeNode {
  type: string;
  mode: number;
  uid: number;
  gid: number;
  /** Content of a file; target of a symlink; numbers of a device. */
  data: string;
  xattrs: string;
  /** Equal for the names of one file within a layer. */
  inode: number;
}

export type FileTree = Map<string, TreeNode>;

export interface ImageContent {
  tree: FileTree;
  /** The image's configuration file. */
  config: ConfigFile;
}

export interface ConfigFile {
  architecture?: string;
  os?: string;
  author?: string;
  config?: Record<string, unknown>;
  history?: { created_by?: string; comment?: string; empty_layer?: boolean }[];
}

interface ManifestLine {
  Config: string;
  RepoTags?: string[] | null;
  Layers: string[];
}

type LayerChange = { path: string; node: TreeNode } | { path: string; removed: 'path' | 'content' };

/** All images of an archive by their tags. */
export async function readArchive(path: string): Promise<Map<string, ImageContent>> {
  const parts = new Map<string, Buffer>();
  const links = new Map<string, string>();
  for await (const member of readTar(streamInput(createReadStream(path)))) {
    if (member.type === 'file') parts.set(member.name, await collect(member.content()));
    if (member.type === 'symlink')
      links.set(member.name, posix.join(posix.dirname(member.name), member.link ?? ''));
  }
  const part = (name: string): Buffer => {
    const data = parts.get(links.get(name) ?? name);
    if (data === undefined) throw new Error(`${path} has no ${name}`);
    return data;
  };
  const layers = new Map<string, Promise<LayerChange[]>>();
  const layer = (name: string) => {
    const key = links.get(name) ?? name;
    const known = layers.get(key) ?? readLayer(part(key));
    layers.set(key, known);
    return known;
  };
  const images = new Map<string, ImageContent>();
  for (const line of JSON.parse(part('manifest.json').toString()) as ManifestLine[]) {
    const tree: FileTree = new Map();
    for (const name of line.Layers) applyLayer(tree, await layer(name));
    const config = JSON.parse(part(line.Config).toString()) as ConfigFile;
    for (const tag of line.RepoTags ?? []) images.set(tag, { tree, config });
  }
  return images;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of chunks) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}

let inodes = 0;

async function readLayer(data: Buffer): Promise<LayerChange[]> {
  const changes: LayerChange[] = [];
  const nodes = new Map<string, TreeNode>();
  const source = (async function* () {
    yield data;
  })();
  for await (const member of readTar(streamInput(source), { allowMissingEnd: true })) {
    const path = posix.normalize(member.name).replace(/^(\.?\/)+|^\.$|\/+$/g, '');
    const [folder, name] = [posix.dirname(path), posix.basename(path)];
    if (name === '.wh..wh..opq') {
      changes.push({ path: folder === '.' ? '' : folder, removed: 'content' });
    } else if (name.startsWith('.wh.')) {
      changes.push({ path: posix.join(folder, name.slice(4)), removed: 'path' });
    } else if (path !== '') {
      const target = member.link === undefined ? undefined : posix.normalize(member.link).replace(/^\/+/, '');
      const node =
        member.type === 'hardlink'
          ? nodes.get(target ?? '')
          : {
              type: member.type,
              mode: member.mode,
              uid: member.uid,
              gid: member.gid,
              data: await dataOf(member.type, member.link, member.device, member.content()),
              xattrs: [...(member.xattrs ?? [])]
                .map(([key, value]) => `${key}=${value.toString('hex')}`)
                .sort()
                .join(' '),
              inode: ++inodes,
            };
      if (node === undefined) throw new Error(`${path} is a hard link to nothing`);
      nodes.set(path, node);
      changes.push({ path, node });
    }
  }
  return changes;
}

async function dataOf(
  type: string,
  link: string | undefined,
  device: { major: number; minor: number } | undefined,
  content: AsyncIterable<Uint8Array>,
): Promise<string> {
  if (type === 'file') {
    const bytes = await collect(content);
    const text = bytes.toString();
    const isText = bytes.length < 2000 && Buffer.from(text).equals(bytes) && !text.includes('\0');
    return isText
      ? JSON.stringify(text)
      : `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`;
  }
  return link ?? (device ? `${device.major}:${device.minor}` : '');
}

function applyLayer(tree: FileTree, changes: readonly LayerChange[]): void {
  // What a layer takes away is what was below it, wherever in the layer it says so.
  for (const change of changes) {
    if (!('removed' in change)) continue;
    removeBelow(tree, change.path);
    if (change.removed === 'path') tree.delete(change.path);
  }
  for (const change of changes) {
    if ('removed' in change) continue;
    if (change.node.type !== 'directory' && tree.get(change.path)?.type === 'directory')
      removeBelow(tree, change.path);
    tree.set(change.path, change.node);
  }
}

function removeBelow(tree: FileTree, path: string): void {
  const prefix = path === '' ? '' : `${path}/`;
  for (const name of [...tree.keys()]) if (name.startsWith(prefix) && name !== path) tree.delete(name);
}
