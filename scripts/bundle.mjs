/**
 * Makes the two files in dist/ that are run: program.cjs, the whole program in one CommonJS file, which Node loads faster
 * than a tree of modules, and cambium.cjs, which starts it. Packages with native code, and those that few commands use,
 * stay outside and are loaded when first needed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bundled = ['@photostructure/sqlite', 'commander'];

/** Node's own modules that a start doesn't need: loading them takes it 0.5 to 2 ms each. */
const lateModules =
  /^(node:)?(child_process|http|https|module|net|os|perf_hooks|stream|stream\/promises|timers\/promises|tty|zlib)$/;

/** Has each of them loaded when something of it is first used. */
const loadLate = {
  name: 'late-node-modules',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: lateModules }, ({ path, namespace }) =>
      namespace === 'late' ? { path, external: true } : { path, namespace: 'late' },
    );
    onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => {
      const names = Object.keys(createRequire(import.meta.url)(path));
      const getters = names.map((name) => `get ${name}(){return load().${name}}`);
      return { contents: `const load=()=>require('${path}');module.exports={${getters.join()}};` };
    });
  },
};

/** The package looks for its native part beside its own files. Node's way to find these loads 0.5 ms of modules. */
const nativePart = {
  name: 'native-part-of-sqlite',
  setup({ onLoad }) {
    const find =
      "bundle.paths.map((path)=>path+'/@photostructure/sqlite/dist').find(require('node:fs').existsSync)";
    onLoad({ filter: /@photostructure\/sqlite\/dist\/index\.cjs$/ }, ({ path }) => ({
      contents: `const __dirname=${find};${readFileSync(path)}`,
    }));
  },
};

const common = {
  absWorkingDir: root,
  write: false,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: 'warning',
};

/** Bundles into `folder`, where each file appears whole or not at all: a second process may be about to run it. */
export async function bundle(folder = join(root, 'dist')) {
  const program = await build({
    ...common,
    entryPoints: ['src/cli/main.ts'],
    target: 'node20.19',
    external: Object.keys(dependencies).filter((name) => !bundled.includes(name)),
    mainFields: ['main'],
    conditions: ['require'],
    loader: { '.bash': 'text', '.sh': 'text' },
    define: { CAMBIUM_VERSION: JSON.stringify(version), 'import.meta.url': 'bundle.url' },
    banner: {
      js: "const bundle={paths:module.paths,get url(){return require('node:url').pathToFileURL(__filename).href}};",
    },
    plugins: [loadLate, nativePart],
  });
  // So old a syntax that any Node can read it, and say what it is too old for.
  const start = await build({
    ...common,
    entryPoints: ['src/cli/start.ts'],
    target: 'node16',
    // Without `--` Node 20 takes an --env-file of ours for one of its own.
    banner: { js: '#!/usr/bin/env -S node --' },
  });
  mkdirSync(folder, { recursive: true });
  const text = ascii(program);
  // By this line the start knows the program without reading it all.
  replace(join(folder, 'program.cjs'), `// ${createHash('sha256').update(text).digest('hex')}\n${text}`);
  replace(join(folder, 'cambium.cjs'), ascii(start));
  // What V8 compiled of the program before.
  for (const name of readdirSync(folder))
    if (name.startsWith('program.cjs.')) rmSync(join(folder, name), { force: true });
}

function ascii({ outputFiles: [{ text }] }) {
  if (/[^\x00-\x7f]/.test(text))
    throw new Error('The bundle is read as ASCII, and holds more: escape it in regular expressions.');
  return text;
}

function replace(file, text) {
  const temporary = `${file}.${process.pid}`;
  try {
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle().catch((error) => {
    if (!error.errors) process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  });
}
