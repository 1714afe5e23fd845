/** `-v`, `--mount` and `--tmpfs`, as `docker run` and `podman run` have them. */
import { homedir } from 'node:os';
import { posix, resolve } from 'node:path';
import { wrongUse } from '../../kit/errors.ts';
import { checkName } from '../../volumes/index.ts';
import type { CommandMount } from '../../workers/local/index.ts';
import { badValue, parseChoice, parseSize } from '../values.ts';

/** All mounts; `cwd` is where relative paths of the host start. Two at one place are refused. */
export function readMounts(
  raw: { volume: readonly string[]; mount: readonly string[]; tmpfs: readonly string[] },
  cwd: string,
): CommandMount[] {
  const mounts = [
    ...raw.volume.map((text) => readVolume(text, cwd)),
    ...raw.mount.map((text) => readMount(text, cwd)),
    ...raw.tmpfs.map(readTmpfs),
  ];
  const taken = new Set<string>();
  for (const { target } of mounts) {
    if (taken.has(target)) throw wrongUse('bad-value', `Two mounts have the same place, ${target}.`);
    taken.add(target);
  }
  return mounts;
}

const volumeForm = 'VOLUME:/PLACE, ./FOLDER:/PLACE or /FOLDER:/PLACE, with `:ro` behind it to only read';
/** `z` and `Z` label for SELinux elsewhere; nothing here needs it. */
const volumeOptions = ['ro', 'rw', 'nocopy', 'z', 'Z'] as const;

function readVolume(text: string, cwd: string): CommandMount {
  const parts = text.split(':');
  if (parts.length > 3 || parts.includes('')) throw badValue('--volume', text, `it takes ${volumeForm}`);
  const [source, place] = parts.length === 1 ? [undefined, parts[0]] : [parts[0], parts[1]];
  const options = (parts[2] ?? '').split(',').filter((option) => option !== '');
  for (const option of options) parseChoice('--volume', option, volumeOptions);
  const target = readTarget('--volume', text, place as string);
  const readonly = options.includes('ro');
  const copyUp = !options.includes('nocopy');
  if (source === undefined) return { type: 'volume', target, readonly, copyUp };
  const path = hostPath(source, cwd);
  if (path !== undefined) return { type: 'bind', source: path, target, readonly };
  if (source.includes('/')) {
    throw wrongUse('bad-value', `The value \`${text}\` of --volume is wrong: ${source} names no volume.`, {
      hint: `A folder beside this one is ./${source}`,
    });
  }
  checkName(source);
  return { type: 'volume', name: source, target, readonly, copyUp };
}

/** A path of the host begins with `/`, `.` or `~`; all else may name a volume. */
function hostPath(text: string, cwd: string): string | undefined {
  if (text === '~' || text.startsWith('~/')) return resolve(homedir(), text.slice(2));
  return /^(?:\/|\.{1,2}(?:\/|$))/.test(text) ? resolve(cwd, text) : undefined;
}

/** A place inside: `..` stops at its root. */
function readTarget(flag: string, text: string, place: string): string {
  if (!place.startsWith('/')) throw badValue(flag, text, 'the place inside begins with `/`');
  const target = posix.resolve(place);
  if (target === '/') throw badValue(flag, text, "the image's root itself can't be covered");
  return target;
}

const mountTypes = ['bind', 'volume', 'tmpfs'] as const;
const mountKeys: Readonly<Record<(typeof mountTypes)[number], readonly string[]>> = {
  bind: ['source', 'target', 'readonly'],
  volume: ['source', 'target', 'readonly', 'volume-nocopy', 'volume-subpath'],
  tmpfs: ['target', 'readonly', 'tmpfs-size', 'tmpfs-mode'],
};
const otherNames: Partial<Record<string, string>> = {
  src: 'source',
  dst: 'target',
  destination: 'target',
  ro: 'readonly',
};

function readMount(text: string, cwd: string): CommandMount {
  const fields = new Map(
    text.split(',').map((field) => {
      const [name = '', ...rest] = field.split('=');
      return [otherNames[name] ?? name, rest.length === 0 ? 'true' : rest.join('=')] as const;
    }),
  );
  const type = parseChoice('--mount', fields.get('type') ?? 'volume', mountTypes);
  fields.delete('type');
  for (const name of fields.keys()) {
    if (!mountKeys[type].includes(name))
      throw badValue('--mount', text, `a mount of type ${type} has ${mountKeys[type].join(', ')}`);
  }
  const isSet = (name: string) => ['true', '1'].includes(fields.get(name) ?? '');
  const target = readTarget('--mount', text, fields.get('target') ?? '');
  const readonly = isSet('readonly');
  const source = fields.get('source');
  if (type === 'tmpfs') {
    const size = fields.get('tmpfs-size');
    const options = [
      ...(size === undefined ? [] : [`size=${parseSize('--mount', size)}`]),
      ...(fields.has('tmpfs-mode') ? [`mode=${fields.get('tmpfs-mode')}`] : []),
      ...(readonly ? ['ro'] : []),
    ];
    return tmpfs('--mount', text, target, options);
  }
  if (type === 'bind') {
    if (source === undefined) throw badValue('--mount', text, 'a mount of type bind has a source');
    return { type, source: resolve(cwd, source), target, readonly };
  }
  if (source !== undefined) checkName(source);
  const path = fields.get('volume-subpath');
  return {
    ...{ type, target, readonly, copyUp: !isSet('volume-nocopy') && path === undefined },
    ...(source !== undefined && { name: source }),
    ...(path !== undefined && { path }),
  };
}

function readTmpfs(text: string): CommandMount {
  const colon = text.indexOf(':');
  const place = colon === -1 ? text : text.slice(0, colon);
  const options = colon === -1 ? [] : text.slice(colon + 1).split(',');
  return tmpfs('--tmpfs', text, readTarget('--tmpfs', text, place), options);
}

const tmpfsOption =
  /^(?:size=\d+[kmg]?|mode=[0-7]{1,4}|(?:uid|gid|nr_inodes)=\d+|ro|rw|exec|noexec|nosuid|nodev)$/;

/** As Docker's: nothing in it can be run, unless it says `exec`. */
function tmpfs(flag: string, text: string, target: string, options: readonly string[]): CommandMount {
  const wrong = options.find((option) => !tmpfsOption.test(option));
  if (wrong !== undefined)
    throw badValue(flag, text, `\`${wrong}\` is none of size=64m, mode=1777, uid=N, gid=N, ro, exec …`);
  const kept = options.filter((option) => option !== 'exec');
  return { type: 'tmpfs', target, options: options.includes('exec') ? kept : ['noexec', ...kept] };
}
