/**
 * Makes dist/cambium.cjs: the whole program in one CommonJS file, which Node loads faster than a tree of modules.
 * Packages with native code, and those that few commands use, stay outside and are loaded when first needed.
 */
import { readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const { version, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const bundled = ['commander', 'picocolors'];

/** Bundles into `outfile`, which appears whole or not at all: a second process may be about to run it. */
export async function bundle(outfile = join(root, 'dist/cambium.cjs')) {
  const temporary = `${outfile}.${process.pid}`;
  try {
    await build({
      absWorkingDir: root,
      entryPoints: ['src/cli/main.ts'],
      outfile: temporary,
      bundle: true,
      platform: 'node',
      format: 'cjs',
      target: 'node20.19',
      minifySyntax: true,
      minifyWhitespace: true,
      external: Object.keys(dependencies).filter((name) => !bundled.includes(name)),
      loader: { '.bash': 'text', '.sh': 'text' },
      define: { CAMBIUM_VERSION: JSON.stringify(version), 'import.meta.url': 'bundleUrl' },
      banner: {
        js: "#!/usr/bin/env node\nconst bundleUrl=require('node:url').pathToFileURL(__filename).href;",
      },
      logLevel: 'warning',
    });
    renameSync(temporary, outfile);
  } finally {
    rmSync(temporary, { force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await bundle().catch(() => {
    process.exitCode = 1;
  });
}
