/** What a copy sees of a folder: entries as the system lists them. Names are decoded, and sorted, when somebody asks. */
import { type FileRows, type FolderEntries, rowAt, rowFields } from '../../../kit/file-rows.ts';
import { bytesOfNames, entryNames } from '../../../kit/read-folder.ts';

export interface FolderContent extends FolderEntries {
  /** In the order of the rows. */
  names(): readonly string[];
  /** The same entries in order of names, as every listing of ours has it. */
  sorted(): { names: readonly string[]; rows: FileRows };
}

export function folderContent({ nameBytes, rows }: FolderEntries, given?: readonly string[]): FolderContent {
  let names = given;
  let sorted: ReturnType<FolderContent['sorted']> | undefined;
  const content: FolderContent = {
    nameBytes,
    rows,
    names() {
      names ??= entryNames(nameBytes);
      return names;
    },
    sorted() {
      sorted ??= sortEntries(content);
      return sorted;
    },
  };
  return content;
}

function sortEntries({ names, rows }: FolderContent): ReturnType<FolderContent['sorted']> {
  const all = names();
  const order = [...all.keys()].sort((a, b) => ((all[a] as string) < (all[b] as string) ? -1 : 1));
  return { names: order.map((index) => all[index] as string), rows: rowsAt(rows, order) };
}

function rowsAt(rows: FileRows, indexes: readonly number[]): FileRows {
  const picked = new Uint32Array(indexes.length * rowFields);
  for (const [to, from] of indexes.entries()) picked.set(rowAt(rows, from), to * rowFields);
  return picked;
}

/** The entries at those places of a folder's content for which `keeps` says so. */
export function keepEntries(content: FolderContent, keeps: (index: number) => boolean): FolderContent {
  const kept: number[] = [];
  const count = content.rows.length / rowFields;
  for (let index = 0; index < count; index++) if (keeps(index)) kept.push(index);
  if (kept.length === count) return content;
  const names = kept.map((index) => content.names()[index] as string);
  return folderContent({ nameBytes: bytesOfNames(names), rows: rowsAt(content.rows, kept) }, names);
}
