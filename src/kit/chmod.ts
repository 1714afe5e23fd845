/** `--chmod`: octal, or symbolic as BSD's setmode(3) and chmod(1) have it, with no umask. */

/** Permission bits (with set-id and sticky) → those after the change. */
export type ModeChange = (bits: number, isFolder: boolean) => number;

const setUser = 0o4000;
const setGroup = 0o2000;
const sticky = 0o1000;
/** All that a clause without `ugoa` may change, but for `t`. */
const everyone = 0o6777;

const classes: Readonly<Record<string, { bits: number; shift: number }>> = {
  u: { bits: setUser | 0o700, shift: 6 },
  g: { bits: setGroup | 0o070, shift: 3 },
  o: { bits: 0o007, shift: 0 },
  a: { bits: everyone, shift: 0 },
};

/** Reads `--chmod`'s value; undefined when it is neither octal up to 7777 nor symbolic. */
export function parseChmod(text: string): ModeChange | undefined {
  if (/^[0-9]/.test(text)) {
    const bits = /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number.NaN;
    return bits <= 0o7777 ? () => bits : undefined;
  }
  const changes: Action[] = [];
  for (const clause of text.split(',')) {
    const match = /^([ugoa]*)((?:[-+=][rwxXstugo]*)+)$/.exec(clause);
    if (match === null) return undefined;
    const who = [...(match[1] as string)].reduce((bits, name) => bits | (classes[name]?.bits ?? 0), 0);
    for (const [, operator, permissions] of (match[2] as string).matchAll(/([-+=])([rwxXstugo]*)/g)) {
      changes.push(...actionsOf(who, operator as Operator, permissions as string));
    }
  }
  return (bits, isFolder) => changes.reduce((mode, change) => change(mode, bits, isFolder), bits);
}

type Operator = '+' | '-' | '=';
/** Bits so far, bits at first, whether it's a folder → bits. */
type Action = (mode: number, first: number, isFolder: boolean) => number;

function actionsOf(classBits: number, operator: Operator, permissions: string): Action[] {
  const actions: Action[] = [];
  // What may change; 0 for all. A `t` adds the sticky bit to it (so that `+rt`, without a class, is `+t`).
  let who = classBits;
  let bits = 0;
  let searchBits = 0;
  let cleared = operator !== '=';
  const flush = () => {
    if (bits !== 0 || !cleared) actions.push(setBits(operator, who, bits));
    if (searchBits !== 0) actions.push(setSearch(masked(who, searchBits)));
    cleared = true;
    bits = 0;
    searchBits = 0;
  };
  for (const letter of permissions) {
    const onlyOthers = who !== 0 && (who & ~0o007) === 0;
    if (letter === 'r') bits |= 0o444;
    else if (letter === 'w') bits |= 0o222;
    else if (letter === 'x') bits |= 0o111;
    else if (letter === 's') bits |= onlyOthers ? 0 : setUser | setGroup;
    else if (letter === 't') {
      if (onlyOthers) continue;
      who |= sticky;
      bits |= sticky;
    } else if (letter === 'X' && operator !== '-') searchBits |= 0o111;
    else if (letter === 'X') bits |= 0o111;
    else {
      // A copy of another class's bits stands for itself: what was gathered goes first.
      cleared = true;
      flush();
      actions.push(copyBits(operator, who, classes[letter]?.shift ?? 0));
    }
  }
  flush();
  return actions;
}

function masked(who: number, bits: number): number {
  return who === 0 ? bits : who & bits;
}

function setBits(operator: Operator, who: number, bits: number): Action {
  const changed = masked(who, bits);
  if (operator === '+') return (mode) => mode | changed;
  if (operator === '-') return (mode) => mode & ~changed;
  const clears = who === 0 ? everyone : who;
  return (mode) => (mode & ~clears) | changed;
}

/** `X`: search permission for folders, and for files that anyone could run at first. */
function setSearch(bits: number): Action {
  return (mode, first, isFolder) => (isFolder || (first & 0o111) !== 0 ? mode | bits : mode);
}

/** `g=u`: the permissions of one class for those in `who`. */
function copyBits(operator: Operator, who: number, fromShift: number): Action {
  const targets = [6, 3, 0].filter((shift) => who === 0 || (who & (0o4 << shift)) !== 0);
  return (mode) => {
    const bits = (mode >> fromShift) & 0o7;
    return targets.reduce((result, shift) => {
      if (operator === '+') return result | (bits << shift);
      if (operator === '-') return result & ~(bits << shift);
      return (result & ~(0o7 << shift)) | (bits << shift);
    }, mode);
  };
}
