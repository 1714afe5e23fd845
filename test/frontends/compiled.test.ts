/** Build files that are run from what they were compiled to before. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { standsAlone } from '../../src/frontends/typescript/compiled.ts';
import { sha256 } from '../../src/kit/digest.ts';
import { makeTree } from './support/tree.ts';

const file = 'cambium.ts';
const program = (command: string) => `import {
  type Image,
  command,
  image,
} from "cambium";
import type { Stage } from 'cambium';

const where: string = await Promise.resolve(process.env['WHERE'] ?? 'nowhere');
const stages: Stage[] = [command(\`echo ${command} \${where}\`)];
const made: Image = image({ base: 'scratch-base', stages });
export default made;
`;
const base = { resolveImage: async () => ({ config: {}, platform: { os: 'linux', architecture: 'amd64' } }) };

/** The file with the code that was kept. */
function keptFile(cache: string): string {
  const name = readdirSync(cache).find((entry) => /^[0-9a-f]{64}\.js$/.test(entry)) as string;
  return join(cache, name);
}

test('the second time it is not compiled: same plan, same places, the environment as it is then', async () => {
  using tree = makeTree({ [file]: program('hello') }, file);
  const cacheDir = join(tree.dir, 'cache');
  mkdirSync(cacheDir);
  const first = await tree.plan({ ...base, cacheDir });
  const kept = keptFile(cacheDir);
  const code = readFileSync(kept, 'utf8');
  expect(await tree.plan({ ...base, cacheDir })).toEqual(first);
  expect(first.steps.at(-1)?.location).toEqual({ file: join(tree.dir, file), line: 9 });
  process.env['WHERE'] = 'here';
  const later = await tree.plan({ ...base, cacheDir });
  delete process.env['WHERE'];
  expect(later.steps.at(-1)?.op).toMatchObject({ argv: ['/bin/sh', '-ec', 'echo hello here'] });
  expect(readFileSync(kept, 'utf8')).toBe(code);

  // Damaged, it isn't run.
  writeFileSync(kept, code.replace('hello', 'xxxxx'));
  expect(await tree.plan({ ...base, cacheDir })).toEqual(first);
  expect(readFileSync(kept, 'utf8')).toBe(code);

  writeFileSync(join(tree.dir, file), program('edited'));
  const edited = await tree.plan({ ...base, cacheDir });
  expect(edited.steps.at(-1)?.op).toMatchObject({ argv: ['/bin/sh', '-ec', 'echo edited nowhere'] });
});

test('what is kept is what runs', async () => {
  using tree = makeTree({ [file]: program('hello') }, file);
  const cacheDir = join(tree.dir, 'cache');
  await tree.plan({ ...base, cacheDir });
  const kept = keptFile(cacheDir);
  const [, ...code] = readFileSync(kept, 'utf8').split('\n');
  const changed = code.join('\n').replace('hello', 'marked');
  writeFileSync(kept, `// ${sha256(changed)}\n${changed}`);
  const plan = await tree.plan({ ...base, cacheDir });
  expect(plan.steps.at(-1)?.op).toMatchObject({ argv: ['/bin/sh', '-ec', 'echo marked nowhere'] });
});

test('an error has its place, both times', async () => {
  const text = program('x').replace('export default', "if (where) throw new Error('stop');\nexport default");
  using tree = makeTree({ [file]: text.replace('if (where)', "if (process.env['FAIL'])") }, file);
  const cacheDir = join(tree.dir, 'cache');
  await tree.plan({ ...base, cacheDir });
  keptFile(cacheDir);
  process.env['FAIL'] = '1';
  const error = await tree.error({ ...base, cacheDir });
  delete process.env['FAIL'];
  expect(error).toMatchObject({ message: 'Error: stop', location: { file: join(tree.dir, file), line: 11 } });
});

test('a program with other modules sees them as they are', async () => {
  const text =
    "import { value } from './value.ts';\nimport { command, image } from 'cambium';\nexport default image({ base: 'b', stages: [command(value)] });\n";
  using tree = makeTree({ [file]: text, 'value.ts': "export const value: string = 'one';\n" }, file);
  const cacheDir = join(tree.dir, 'cache');
  for (const value of ['one', 'two']) {
    writeFileSync(join(tree.dir, 'value.ts'), `export const value: string = '${value}';\n`);
    const plan = await tree.plan({ ...base, cacheDir });
    expect(plan.steps.at(-1)?.op).toMatchObject({ argv: ['/bin/sh', '-ec', value] });
  }
});

test.each([
  ["import { image } from 'cambium';\nexport default image({});", true],
  ['import type { Image } from "cambium";', true],
  ["import cambium from 'cambium';", false],
  ["import * as cambium from 'cambium';", false],
  ["import 'cambium';", false],
  ["export { image } from 'cambium';", false],
  ["import { readFileSync } from 'node:fs';", false],
  ["const x = await import('./x.ts');", false],
  ["const x = require('./x.ts');", false],
  ['const x = import.meta.url;', false],
  ['const x = __dirname;', false],
  ["const x = eval('y');", false],
  ['module.exports = 1;', false],
  ['const x = requ\\u0069re("x");', false],
])('%s stands alone: %s', (text, expected) => {
  expect(standsAlone(text)).toBe(expected);
});
