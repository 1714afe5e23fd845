/** `cambium dev` with a real registry and Docker daemon, on specs and `cambium.ts`, and after it was away. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { cambiumOk } from '../support/cli.ts';
import { startDockerd } from '../support/dockerd.ts';
import { startRegistry } from '../support/registry.ts';
import { specTree } from '../support/spec-tree.ts';
import { startDev } from './support/dev.ts';
import { fileOf, type Project, project } from './support/project.ts';

let shared: Project;
beforeAll(() => {
  shared = project();
});
afterAll(() => shared[Symbol.dispose]());

const isNew = ({ isNew }: { isNew: boolean }) => isNew;

test('--load and a registry have each image as soon as it is there', async () => {
  await using daemon = await startDockerd();
  await using registry = await startRegistry();
  const name = `${registry.host}/app:dev`;
  shared.write({
    Dockerfile:
      'FROM base\nCOPY text /text\nRUN cat /text /text >/twice && echo done\nCMD ["cat", "/twice"]\n',
    text: 'one\n',
  });
  const inDocker = () => {
    const id = daemon.docker('create', 'app').trim();
    const tar = execFileSync('docker', ['-H', daemon.host, 'cp', `${id}:/twice`, '-']);
    daemon.docker('rm', id);
    return execFileSync('tar', ['-xO'], { input: tar, encoding: 'utf8' });
  };
  let pulls = 0;
  const inRegistry = () => {
    const elsewhere = { store: shared.place.path(`pulled${++pulls}`) };
    cambiumOk(['image', 'pull', name], elsewhere);
    const out = shared.place.path(`pulled${pulls}.out`);
    cambiumOk(['image', 'export', name, '-o', `type=local,dest=${out}`], elsewhere);
    return readFileSync(`${out}/twice`, 'utf8');
  };
  const at = { ...shared.at, env: { DOCKER_HOST: daemon.host } };
  await using dev = startDev({ ...shared, at }, '--load', '-o', `type=registry,name=${name}`);
  await dev.next('rebuilt', isNew);
  expect([inDocker(), inRegistry()]).toEqual(['one\none\n', 'one\none\n']);
  shared.write({ text: 'two\n' });
  // Warm, and sent all the same: who runs `dev` wants each edit there.
  expect((await dev.next('rebuilt', isNew)).state).toBe('warm');
  expect([inDocker(), inRegistry()]).toEqual(['two\ntwo\n', 'two\ntwo\n']);
  await dev.end();
}, 120_000);

test('specs and cambium.ts: an edit of a stage is an image; what was edited while dev was away is in its first one', async () => {
  const tree = specTree(shared.path('tree'));
  tree.stage('app', 'cat $assets_dir/text >/text');
  tree.write('stages/app/assets/text', 'one\n');
  tree.stages('base', 'app');
  tree.write(
    'cambium.ts',
    "import { image, stage } from 'cambium';\nexport default image({ stages: [stage('base'), stage('app')] });\n",
  );
  for (const what of [tree.spec, tree.dir]) {
    tree.write('stages/app/assets/text', 'one\n');
    const first = startDev(shared, what);
    await first.next('rebuilt');
    tree.write('stages/app/assets/text', 'two\n');
    await first.next('rebuilt', isNew);
    expect(fileOf(shared, 'text')).toBe('two\n');
    tree.stage('app', 'cat $assets_dir/text $assets_dir/text >/text');
    await first.next('rebuilt', isNew);
    expect(fileOf(shared, 'text')).toBe('two\ntwo\n');
    await first.end('SIGKILL');
    tree.write('stages/app/assets/text', 'three\n');
    await using second = startDev(shared, what);
    await second.next('rebuilt');
    expect(fileOf(shared, 'text')).toBe('three\nthree\n');
    await second.end();
    tree.stage('app', 'cat $assets_dir/text >/text');
  }
}, 120_000);
