/** What a file system entry is, apart from its content; and the changes that make one tree out of another. */

export type EntryType = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';

/** The metadata that an image carries of an entry, whatever its name and kind. */
export interface Metadata {
  /** Permission bits with setuid, setgid and sticky (07777). */
  mode: number;
  uid: number;
  gid: number;
  /** Length in bytes of a file's content, holes included; 0 for all else. */
  size: number;
  /** Nanoseconds since the Unix epoch. */
  mtimeNs: bigint;
  /** Device numbers of `char` and `block`. */
  device?: { major: number; minor: number };
  /** Extended attributes, by full name (`security.capability`); absent when there are none. */
  xattrs?: ReadonlyMap<string, Buffer>;
}

export interface Entry extends Metadata {
  /** Relative to the tree's root, `/` between names, no leading `/`; the root itself is `''`. */
  path: string;
  type: EntryType;
  /** Target of a symlink. */
  link?: string;
  /** Equal for two entries of one listing exactly when they are hard links of one inode; set when nlink > 1. */
  inode?: string;
}

/** One change of a tree, relative to its parent. */
export type Change =
  | {
      kind: 'present';
      entry: Entry;
      /** Host path where a file's content is read. */
      content: string;
      /** A folder that hides all that the parent has below it. */
      opaque?: boolean;
    }
  | { kind: 'deleted'; path: string };
