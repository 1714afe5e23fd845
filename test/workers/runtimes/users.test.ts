/** Who a run is: users and groups of the image. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import { UserError } from '../../../src/kit/errors.ts';
import { lookUpUser } from '../../../src/workers/local/runtimes/users.ts';
import { makeBox } from './support/rootfs.ts';

const box = makeBox();
afterAll(() => box[Symbol.dispose]());

test.each([
  ['', 'uid=0(root) gid=0(root) groups=0(root),10(wheel)', '/root'],
  ['app', 'uid=1000(app) gid=1001(app) groups=29(audio),44(video),1001(app)', '/home/app'],
  ['1000', 'uid=1000(app) gid=1001(app) groups=29(audio),44(video),1001(app)', '/home/app'],
  ['app:video', 'uid=1000(app) gid=44(video) groups=44(video)', '/home/app'],
  ['4711', 'uid=4711 gid=0(root) groups=0(root)', '/'],
  ['4711:815', 'uid=4711 gid=815 groups=815', '/'],
])('user %j', async (user, id, home) => {
  const { stdout } = await box.sh('id; echo $HOME', { user });
  const [line = '', homeLine] = stdout.trim().split('\n');
  expect(line).toBe(id);
  expect(homeLine).toBe(home);
});

test.each(['nobody', 'app:nogroup', '99999999999', '-1'])('unknown: %s', async (user) => {
  await expect(box.run(['true'], { user })).rejects.toBeInstanceOf(UserError);
});

test('passwd that is a link to the host is not followed, a FIFO does not hang', () => {
  const rootfs = `${box.dir}/linked`;
  mkdirSync(`${rootfs}/etc`, { recursive: true });
  writeFileSync(`${box.dir}/passwd`, 'evil:x:5:5::/:\n');
  symlinkSync(`${box.dir}/passwd`, `${rootfs}/etc/passwd`);
  expect(() => lookUpUser(rootfs, 'evil')).toThrow(UserError);
  rmSync(`${rootfs}/etc/passwd`);
  symlinkSync('../../../../../../../../etc/passwd', `${rootfs}/etc/passwd`);
  expect(() => lookUpUser(rootfs, 'daemon')).toThrow(UserError);
  symlinkSync('/real', `${rootfs}/etc/group`);
  writeFileSync(`${rootfs}/real`, 'inner:x:77:\n');
  expect(lookUpUser(rootfs, '5:inner').gid).toBe(77);
});
