/** Bundles src/ into dist/: names with a hash of their content, so that browsers may keep files forever. */
import { cp, readFile, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { build } from 'esbuild';

const { metafile } = await build({
  entryPoints: ['src/main.ts', 'src/style.css'],
  outdir: 'dist/assets',
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  sourcemap: true,
  target: ['es2022', 'chrome110', 'firefox110', 'safari16'],
  define: { __TITLE__: JSON.stringify(process.env.TITLE ?? 'Rings') },
  metafile: true,
  logLevel: 'info',
});

await cp('public', 'dist', { recursive: true });
const page = await readFile('src/index.html', 'utf8');
await writeFile('dist/index.html', withAssets(page, Object.entries(metafile.outputs)));

/** The page, where `asset:main.ts` stands, with the path of what was made of it. */
function withAssets(page, outputs) {
  const paths = new Map(
    outputs.flatMap(([path, { entryPoint }]) =>
      entryPoint ? [[basename(entryPoint), path.replace(/^dist\//, '')]] : [],
    ),
  );
  return page.replace(/asset:([\w.]+)/g, (_, source) => {
    const path = paths.get(source);
    if (path === undefined) throw new Error(`src/index.html names ${source}, which is not an entry point`);
    return path;
  });
}
