/**
 * Makes the files in dist/ that are run: program.cjs, plan.cjs and later.cjs, the whole program in three CommonJS files, which Node loads faster
 * than a tree of modules, and cambium.cjs, which starts it. Packages with native code, and those that few commands use,
 * stay outside and are loaded when first needed.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bundled = ['@photostructure/sqlite', 'commander'];

/** Commander asks for it, for commands that are programs of their own; we have none. Loading it takes Node 2 ms. */
const loadLate = {
  name: 'late-child-processes',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:child_process$/ }, ({ path, importer }) =>
      importer.includes('/commander/') ? { path, namespace: 'late' } : { path, external: true },
    );
    onLoad({ filter: /.*/, namespace: 'late' }, ({ path }) => ({
      contents: `module.exports={spawn:(...args)=>require('${path}').spawn(...args)};`,
    }));
  },
};

/**
 * The package looks for its native part beside its own files, by a package that reads folders for it and then Node's way
 * to find a module: 1.5 ms. The part that nearly all machines need is asked for by its name first.
 */
const nativePart = {
  name: 'native-part-of-sqlite',
  setup({ onLoad }) {
    const search = '(0, import_node_gyp_build.default)(';
    const load = (dir) => {
      const fs = require('node:fs');
      if (process.platform === 'linux' && !fs.existsSync('/etc/alpine-release')) {
        const module = { exports: {} };
        try {
          process.dlopen(module, `${dir}/prebuilds/linux-${process.arch}/@photostructure+sqlite.glibc.node`);
          return module.exports;
        } catch {
          // Another machine than most: the long way.
        }
      }
      return require('node-gyp-build')(dir);
    };
    const find =
      "bundle.paths.map((path)=>path+'/@photostructure/sqlite/dist').find(require('node:fs').existsSync)";
    onLoad({ filter: /@photostructure\/sqlite\/dist\/index\.cjs$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8').replace(/^var import_node_gyp_build = .*\n/m, '');
      if (!text.includes(search))
        throw new Error(`${path} finds its native part in another way than before.`);
      return { contents: `const __dirname=${find};const load=${load};${text.replace(search, 'load(')}` };
    });
  },
};

/**
 * Puts each of our modules into a function of its own, as the bundler does with CommonJS. It would lift the functions of
 * all others to the top, where V8 keeps a record of each, called or not: what a command doesn't load then costs it nothing.
 * Modules have no circles (`npm run layers`), so what one exports is whole when another asks for it.
 */
const apart = {
  name: 'modules-apart',
  setup({ onResolve, onLoad }) {
    // In a place of their own: what lies below our package.json counts as ES modules.
    onResolve({ filter: /\.ts$/ }, ({ resolveDir, path }) => ({
      path: relative(root, resolve(resolveDir, path)),
      namespace: 'apart',
    }));
    onLoad({ filter: /.*/, namespace: 'apart' }, async ({ path }) => {
      const { code } = await transform(readFileSync(join(root, path), 'utf8'), {
        sourcefile: path,
        loader: 'ts',
        format: 'cjs',
        target: 'esnext',
        define: { 'import.meta.url': 'bundle.url' },
        tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, target: 'ES2023' } },
      });
      return { contents: importedLate(code), resolveDir: dirname(join(root, path)) };
    });
  },
};

/**
 * A module as the transform writes it, with each import loaded when something of it is first used: `import_x.y` becomes
 * `(import_x??=require("x")).y`. Exports become plain properties; those of other modules, which are asked for them, getters.
 */
function importedLate(code) {
  const helpers = /^(?:var __\w+ = .*\n(?:[ })].*\n)*)*/;
  const exported = /^var \w+_exports = \{\};\n__export\(\w+, \{\n([^}]*)\n\}\);\nmodule\.exports = .*\n/;
  let body = code.replace(helpers, '');
  const exports = (exported.exec(body)?.[1] ?? '').replace(
    /(\w+): \(\) => (.*?)(?=,?$)/gm,
    (_, name, value) => (value.startsWith('import_') ? `get ${name}(){return ${value}}` : `${name}:${value}`),
  );
  body = body
    .replace(exported, '')
    .replace(/\b__toESM\((require\("[^"]+"\))(?:, 1)?\)/g, '$1')
    .replace(/\b(import_\w+)\.default\b/g, '$1')
    .replace(/\bimport\(("\.[^"]+")\)/g, 'Promise.resolve().then(() => require($1))');
  if (/\b__(toESM|export|toCommonJS)\b/.test(body)) throw new Error(`Not understood:\n${body}`);
  const calls = new Map();
  body = body.replace(/^var (import_\w+) = require\(("[^"]+")\);\n/gm, (_, name, module) => {
    // All commands use these two.
    const always = { '"node:fs"': '$fs', '"node:path"': '$path' }[module];
    calls.set(name, always ?? `($${calls.size}??=require(${module}))`);
    return '';
  });
  body = `${body}\nmodule.exports={${exports}};`.replace(/\bimport_\w+/g, (name) => calls.get(name) ?? name);
  const variables = [...calls.keys()].map((_, index) => `$${index}`);
  return `"use strict";var ${['$', ...variables].join()};${body}`;
}

/**
 * Modules that builds with nothing to do call are the program itself. Those that make plans and keys, and all others, are read and
 * compiled when something of them is first used, each part from a code cache of its own.
 */
const parts = [
  {
    name: 'program',
    modules: [
      /^src\/(cli|kit|store)\/[^/]+$/,
      /^src\/cli\/(progress\/(plain|renderer)|commands\/build)[.]/,
      /^src\/build\/(build|index|keys|logs|reports|scheduler)[.]/,
      /^src\/frontends\/(find|glance|index|make-image|open-project|project|resolve-image|stage-names)[.]/,
      /^src\/images\/(index|records|references|tags|registry\/records|sources\/(index|named|platform))[.]/,
      /^src\/workers\/local\/(index|execute-source|host-identity|provisions|copy\/(content|folder-content))[.]/,
      /\/(commander|sqlite)\//,
      /^late:/,
    ],
  },
  {
    name: 'plan',
    modules: [
      /^src\/(build|frontends|plan)\/[^/]+$/,
      /^src\/frontends\/(dockerfile|spec|stages)\//,
      /^src\/workers\/local\/snapshots\/(overlay|registry)[.]/,
      /^src\/workers\/local\/copy\/(manifests|match-name|remembered|scan|select|targets|tree)[.]/,
    ],
  },
  { name: 'later', modules: [/./] },
];

/** The texts of the parts, by name. */
function inParts(text) {
  const starts = [...text.matchAll(/var (require_\w+)=__commonJS\(\{"(?:apart:)?([^"]+)"\(/g)];
  const modules = starts.map(({ 1: name, 2: path, index }, at) => {
    // The last one, and what starts the program, come after all others.
    const isLast = at === starts.length - 1;
    const part = isLast ? parts[0] : parts.find((some) => some.modules.some((one) => one.test(path)));
    return { name, part: part.name, text: text.slice(index, starts[at + 1]?.index) };
  });
  const head = text.slice(0, starts[0].index);
  const helpers = [...new Set([...head.matchAll(/\b(__\w+)=/g)].map(([, name]) => name))];
  const of = (part) => modules.filter((module) => module.part === part);
  const namesOf = (some) => some.map(({ name }) => name).join();
  const bodiesOf = (some) => some.map((module) => module.text).join('');
  const parameters = 'exports,require,module,__filename,__dirname';
  const [first, ...others] = parts.map(({ name }) => name);
  const sharedOf = (part) =>
    `{${[...helpers, '$fs', '$path', 'bundle', namesOf(modules.filter((module) => module.part !== part))].join()}}`;
  const stubs = others.map((part) => {
    const load = `($all??=load("${part}")(${parameters},${sharedOf(part)}))[name]()`;
    const stubs = of(part).map(({ name }) => `${name}:$of("${name}")`);
    const made = `{let $all;const $of=(name)=>()=>${load};return {${stubs.join()}}}`;
    return `var {${namesOf(of(part))}}=(()=>${made})();`;
  });
  const later = others.map((part) => {
    const given = `"use strict";const ${sharedOf(part)}=$;`;
    return [part, `(function(${parameters},$){${given}${bodiesOf(of(part))}return {${namesOf(of(part))}}})`];
  });
  const program = `(function(${parameters},load){${head}${stubs.join('')}${bodiesOf(of(first))}\n})`;
  return new Map([[first, program], ...later]);
}

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

/** What the bundle is made of, for the launcher, which looks whether any of it is newer: words of a shell. */
function sources() {
  const below = readdirSync(join(root, 'src'), { recursive: true }).map((name) => `src/${name}`);
  // A folder is newer than the bundle when a file in it came or went. What editors leave has other names, and is no source.
  const names = ['scripts/bundle.mjs', 'src', ...below.filter((name) => /^[\w./-]+$/.test(name)).sort()];
  return `sources='${names.join(' ')}'\n`;
}

/** Bundles into `folder`, where each file appears whole or not at all: a second process may be about to run it. */
export async function bundle(folder = join(root, 'dist')) {
  const list = sources();
  const program = await build({
    ...common,
    entryPoints: ['src/cli/main.ts'],
    target: 'node20.19',
    external: Object.keys(dependencies).filter((name) => !bundled.includes(name)),
    mainFields: ['main'],
    conditions: ['require'],
    define: { CAMBIUM_VERSION: JSON.stringify(version) },
    banner: {
      js: "const $fs=require('node:fs'),$path=require('node:path');const bundle={paths:module.paths,get url(){return require('node:url').pathToFileURL(__filename).href}};",
    },
    plugins: [apart, loadLate, nativePart],
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
  // As Node wraps its modules; the start would only copy it all to do so.
  const texts = inParts(ascii(program));
  // By this line the start knows the program without reading it all.
  const name = createHash('sha256')
    .update([...texts.values()].join(''))
    .digest('hex');
  // The one that asks for the others comes last.
  for (const [part, text] of [...texts].reverse())
    replace(join(folder, `${part}.cjs`), `// ${name}\n${text}`);
  replace(join(folder, 'sources.sh'), list);
  replace(join(folder, 'cambium.cjs'), ascii(start));
  // What V8 compiled of the program before.
  for (const name of readdirSync(folder))
    if (/^(program|plan|later)[.]cjs[.]/.test(name)) rmSync(join(folder, name), { force: true });
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
