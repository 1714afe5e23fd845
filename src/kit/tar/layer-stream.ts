/**
 * Applies an image layer while it streams by, in one pass. Whiteouts hide only what the layers below have, so one that
 * comes after what the layer itself put there is left to the reader of two passes (`unpackLayer`).
 */
import type { TarInput } from './input.ts';
import { readTar } from './read.ts';
import { memberPath, openSafeRoot, splitPath } from './safe-root.ts';
import { hide, opaqueMarker, place, type UnpackOptions, whiteoutPrefix } from './unpack.ts';

/**
 * Applies the layer to the folder `root`, which shows the layers below. False when one pass can't do it right: what is
 * below `root` then is of no use. Throws `broken-tar`.
 */
export async function unpackLayerStream(
  input: TarInput,
  root: string,
  options: UnpackOptions = {},
): Promise<boolean> {
  using safe = openSafeRoot(root);
  // All that members stand on, with the folders above: what a whiteout must not take away.
  const used = new Set<string>();
  const use = (path: string) => {
    for (let each = path; each !== '' && !used.has(each); each = splitPath(each).folder) used.add(each);
  };
  for await (const member of readTar(input, options)) {
    options.signal?.throwIfAborted();
    const path = memberPath(member.name);
    const { folder, name } = splitPath(path);
    if (name.startsWith(whiteoutPrefix)) {
      // Through a link, a member may lie elsewhere than its name says.
      if (safe.hasFollowedLinks() || takesAny(used, folder, name)) return false;
      hide(safe, path);
    } else {
      await place(safe, path, member);
      use(path);
      if (member.type === 'hardlink') use(memberPath(member.link as string));
    }
  }
  safe.restoreTimes();
  return true;
}

function takesAny(used: ReadonlySet<string>, folder: string, name: string): boolean {
  const within = folder === '' ? '' : `${folder}/`;
  if (name !== opaqueMarker) return used.has(`${within}${name.slice(whiteoutPrefix.length)}`);
  for (const path of used) if (path.startsWith(within)) return true;
  return false;
}
