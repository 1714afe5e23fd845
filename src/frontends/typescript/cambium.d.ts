/**
 * What a `cambium.ts` imports from `cambium`. This file is the public interface, and complete in itself, so that editors
 * need nothing else.
 */

/** An image: `export default image({…})`. */
export interface ImageOptions {
  /** What the image starts from: an image of the store, `oci-layout://DIR[:tag]`, `rootfs.tar[.gz|.zst]`, or a folder. */
  base?: string;
  /** The image whose programs run apply.sh, in place of this machine's. */
  builder?: string;
  /** In order; entries that are false or undefined are left out, lists are flattened. */
  stages: readonly StageList[];
  cmd?: readonly string[];
  entrypoint?: readonly string[];
  env?: Readonly<Record<string, string | number | boolean>>;
  labels?: Readonly<Record<string, string>>;
  user?: string;
  workdir?: string;
  /** `80`, `'53/udp'`. */
  expose?: readonly (number | string)[];
  volumes?: readonly string[];
  stopSignal?: string;
}

export type StageList = Stage | false | null | undefined | readonly StageList[];

/** One entry of an image's stages, as `stage`, `command` and `copy` make it. */
export interface Stage {
  readonly kind: 'stage' | 'command' | 'copy' | 'copy-from';
}

/** An image, as `image` makes it. */
export interface Image {
  readonly kind: 'image';
}

/** What a command may use; what is left out, the flags of the build say. It decides no result, and is part of no key. */
export interface Compute {
  /** Cores, may be a fraction. */
  cpus?: number;
  /** `512m`, `4g`; a number is bytes. */
  memory?: string | number;
  /** Processes and threads; 0 for no limit. */
  pids?: number;
}

/**
 * What a warm rebuild does with it. `off`: it never starts from its own last result. `on`: it may, without being tried first.
 * `safe`: it may too when files that it stands on were removed, renamed, or are other programs now. `command`: runs on the
 * last result in its place; a text is a shell's script. It is part of no key.
 */
export type Warmth = 'off' | 'on' | 'safe' | { command: string | readonly string[] };

export interface StageOptions {
  /** What the stage finds in its assets/settings.bash, besides what its config.sh persists. */
  settings?: Readonly<Record<string, string | number | boolean>>;
  /** Environment variables of its script. */
  env?: Readonly<Record<string, string | number | boolean>>;
  /** Paths below the folder of cambium.ts that it sees as /build/PATH. */
  inputs?: readonly string[];
  /** Volumes that its script sees, by name: `{ src: '/src', tools: '/opt/tools:ro' }`. What they hold is in no key. */
  volumes?: Readonly<Record<string, string>>;
  compute?: Compute;
  warm?: Warmth;
}

export interface CommandOptions {
  /** Name of the stage; default `command`. */
  name?: string;
  env?: Readonly<Record<string, string | number | boolean>>;
  /** Working folder in the image; default `/`. */
  cwd?: string;
  /** `user[:group]`; default root. */
  user?: string;
  /** Default `host`. */
  network?: 'host' | 'none' | 'nat';
  /** Volumes that it sees, by name: `{ src: '/src' }`. What they hold is in no key. */
  volumes?: Readonly<Record<string, string>>;
  compute?: Compute;
  warm?: Warmth;
}

export interface CopyOptions {
  /** Name of the stage; default `copy`. */
  name?: string;
  /** Owner of all that is copied; default 0:0. */
  owner?: { uid: number; gid: number };
  /** Permission bits of all that is copied, `0o644`; default as they are. */
  mode?: number;
  /** Patterns, in the syntax of .dockerignore, of what is left out. */
  ignore?: readonly string[];
}

interface SettingOptions<T> {
  /** Without a default the setting has to be given. */
  default?: T;
  /** One line for people. */
  description?: string;
}

export interface Settings {
  /** A text; `pattern` must match all of it. */
  string(name: string, options?: SettingOptions<string> & { pattern?: RegExp }): string;
  number(
    name: string,
    options?: SettingOptions<number> & { min?: number; max?: number; integer?: boolean },
  ): number;
  /** `true`, `yes`, `on`, `1`, or `false`, `no`, `off`, `0`. */
  boolean(name: string, options?: SettingOptions<boolean>): boolean;
  enum<const T extends string>(name: string, values: readonly T[], options?: SettingOptions<NoInfer<T>>): T;
}

export declare function image(options: ImageOptions): Image;
/** The folder `stages/NAME` with its apply.sh or inside.sh. */
export declare function stage(name: string, options?: StageOptions): Stage;
/** Runs in the image: a script for its `/bin/sh -e`, or a program and its arguments. */
export declare function command(run: string | readonly string[], options?: CommandOptions): Stage;
/** Copies a file or the content of a folder, below the folder of cambium.ts, to an absolute path in the image. */
export declare function copy(from: string, to: string, options?: CopyOptions): Stage;
/**
 * Copies a file or the content of a folder of another image to an absolute path in this one. The other image is built
 * too, beside the stages before this one; when its files come out the same, nothing after the copy runs again.
 */
export declare function copyFrom(
  other: Image,
  path: string,
  to: string,
  options?: Omit<CopyOptions, 'ignore'>,
): Stage;
/** Values from `--settings` and `--set`, checked. */
export declare const setting: Settings;
