/**
 * What Node runs first: it compiles the program, a function in a file beside this one (and others, which it asks for when it needs them), by
 * way of V8's code cache. That takes a third of the time of a build with nothing to do off. A cache holds the functions that one kind of command calls. It is
 * written when a quick command ends that had none, and a folder that can't be written to goes without.
 */
import { accessSync, constants, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { Script, constants as scripts } from 'node:vm';

/**
 * A longer command doesn't notice how it was compiled, and calls functions that quick ones would load in vain. A rebuild is as long as
 * the compiler that it runs, and measured beside that: only its own work counts.
 */
const quickSeconds = 0.5;
const rebuilds = /^rebuild/;

/** The program's first line, as the bundler writes it: `// ` and the SHA-256 of what follows. */
const nameBytes = 67;

function nameIn(file: Buffer): Buffer {
  return file.subarray(0, nameBytes);
}

/** What the program asks for later, by name: what makes plans, and all the rest. */
const parts = ['plan', 'later'] as const;

function start(): void {
  const kind = kindOf(process.argv.slice(2));
  const path = pathOf('program');
  const program = readFileSync(path);
  // Opened now: a command that lasts may need them after another version was put in their place.
  const opened = new Map(parts.map((part) => [part, openIfThere(pathOf(part))]));
  const load = (part: (typeof parts)[number]) => {
    const text = readFileSync(opened.get(part) ?? pathOf(part));
    if (!nameIn(text).equals(nameIn(program)))
      throw new Error('The program was replaced while it started: run it again.');
    return compile(pathOf(part), text, kind);
  };
  compile(path, program, kind)(exports, require, module, path, __dirname, load);
}

function pathOf(part: string): string {
  return join(__dirname, `${part}.cjs`);
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch {
    return undefined;
  }
}

/** The function that a file holds. */
function compile(path: string, program: Buffer, kind: string): (...args: unknown[]) => unknown {
  const cachePath = `${path}.${kind}.${process.version}-${process.arch}`;
  const cachedData = readCache(cachePath, program);
  // The bundle is ASCII, for which this is the fastest way to a string.
  const text = program.toString('latin1');
  const script = new Script(text, {
    filename: path,
    importModuleDynamically: scripts.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(cachedData && { cachedData }),
  });
  if (cachedData === undefined || script.cachedDataRejected) {
    process.on('exit', (code) => {
      if (code === 0 && secondsOf(kind) < quickSeconds) writeCache(cachePath, program, script);
    });
  }
  return script.runInThisContext();
}

/** What the command took so far. */
function secondsOf(kind: string): number {
  if (!rebuilds.test(kind)) return process.uptime();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/**
 * Commands of one kind call about the same functions: those with one name, and build files of one language. What shows help
 * calls others.
 */
function kindOf(args: readonly string[]): string {
  if (args.includes('--help')) return 'help';
  const [command = '', where = ''] = args;
  const language = ['.spec', '.ts'].find((ending) => ending === extname(where)) ?? '';
  return `${command}${language}`.replace(/[^\w.-]/g, '_').slice(0, 32);
}

/**
 * V8's data of the cache in `path`, if it is whole and of this program. V8 takes another program's, and dies of damaged ones: so the
 * file begins with the program's name, and has the data twice. (A digest of it would have Node load its cryptography: 3 ms.)
 */
function readCache(path: string, program: Buffer): Buffer | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  const middle = (nameBytes + file.length) / 2;
  const data = file.subarray(nameBytes, middle);
  const isWhole = data.length > 0 && data.equals(file.subarray(middle));
  return isWhole && nameIn(file).equals(nameIn(program)) ? data : undefined;
}

/** Appears whole or not at all. Without a right to write, or space, the program is compiled the next time too. */
function writeCache(path: string, program: Buffer, script: Script): void {
  const temporary = `${path}.${process.pid}`;
  try {
    accessSync(dirname(path), constants.W_OK);
    const data = script.createCachedData();
    writeFileSync(temporary, Buffer.concat([nameIn(program), data, data]), { flag: 'wx' });
    renameSync(temporary, path);
  } catch {
    rmSync(temporary, { force: true });
  }
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`error: Cambium needs Node 20.19 or newer, and this is ${process.versions.node}.\n`);
  process.exitCode = 3;
} else start();
