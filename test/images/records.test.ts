/** Names of images, and what the database knows of them. */
import { describe, expect, test } from 'vitest';
import {
  findImage,
  formatReference,
  listImages,
  normaliseTag,
  parseReference,
  removeImage,
  requireImage,
  saveImage,
  shortName,
  tagImage,
  tagsOf,
} from '../../src/images/index.ts';
import type { SnapshotId } from '../../src/plan/index.ts';
import { plainSnapshots } from '../support/plain-snapshots.ts';

describe('references', () => {
  test.each([
    ['debian', 'docker.io/library/debian:latest', 'debian:latest'],
    ['debian:12', 'docker.io/library/debian:12', 'debian:12'],
    ['user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['index.docker.io/user/app:1', 'docker.io/user/app:1', 'user/app:1'],
    ['docker.io/debian', 'docker.io/library/debian:latest', 'debian:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['localhost:5000/a/b:x', 'localhost:5000/a/b:x', 'localhost:5000/a/b:x'],
    ['quay.io/a__b/c-d.e_f:V1.2-3', 'quay.io/a__b/c-d.e_f:V1.2-3', 'quay.io/a__b/c-d.e_f:V1.2-3'],
    ['[::1]:5000/x', '[::1]:5000/x:latest', '[::1]:5000/x:latest'],
  ])('%s', (text, full, short) => {
    expect(normaliseTag(text)).toBe(full);
    expect(shortName(full)).toBe(short);
    expect(normaliseTag(short)).toBe(full);
  });

  test('digests', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    expect(formatReference(parseReference(`debian@${digest}`))).toBe(`docker.io/library/debian@${digest}`);
    expect(formatReference(parseReference(`debian:12@${digest}`))).toBe(
      `docker.io/library/debian:12@${digest}`,
    );
    expect(() => normaliseTag(`debian@${digest}`)).toThrow(
      expect.objectContaining({ code: 'bad-reference' }),
    );
  });

  test.each([
    '',
    ':tag',
    'Upper',
    'a//b',
    'a/',
    '/a',
    'a:b:c',
    'a:',
    'a b',
    'a:ta/g',
    '-a',
    'a-',
    'a..b',
    'a@sha256:1',
    'ho_st.x:80/a',
    'f'.repeat(64),
    `a/${'b'.repeat(260)}`,
    `a:${'t'.repeat(129)}`,
  ])('`%s` is refused', (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: 'bad-reference', exitCode: 2 }),
    );
  });
});

test('images are found by tag, id and digest, listed, tagged and removed', async () => {
  using snapshots = plainSnapshots();
  const { db } = snapshots.context.store;
  const snapshot: SnapshotId = await snapshots.add(() => {});
  const record = {
    snapshot,
    root: '/',
    config: {},
    platform: { os: 'linux', architecture: 'amd64' },
    history: [],
  };
  const first = saveImage(db, record, ['web', 'web:1']);
  expect(saveImage(db, record)).toEqual(first);
  const second = saveImage(db, { ...record, config: { Cmd: ['x'] } }, ['web']);
  expect(second.id).not.toBe(first.id);

  expect(findImage(db, 'web')?.id).toBe(second.id);
  expect(findImage(db, 'docker.io/library/web:1')?.id).toBe(first.id);
  expect(findImage(db, first.id.slice(0, 12))?.id).toBe(first.id);
  expect(findImage(db, `sha256:${second.id}`)?.id).toBe(second.id);
  expect(findImage(db, 'nothing')).toBeUndefined();
  expect(() => requireImage(db, 'nothing')).toThrow(
    expect.objectContaining({ code: 'unknown-image', hint: expect.stringContaining('web') }),
  );

  tagImage(db, first.id.slice(0, 8), 'other:2');
  expect(tagsOf(db, first.id).map(shortName)).toEqual(['other:2', 'web:1']);
  expect(() => removeImage(db, first.id)).toThrow(expect.objectContaining({ code: 'image-has-tags' }));
  expect(removeImage(db, 'web:1')).toEqual({ untagged: ['docker.io/library/web:1'] });
  expect(removeImage(db, 'other:2')).toMatchObject({ deleted: first.id });
  expect(listImages(db).map(({ id }) => id)).toEqual([second.id]);
  saveImage(db, { ...record, config: { Cmd: ['y'] } });
  expect(listImages(db)).toHaveLength(1);
  expect(listImages(db, true)).toHaveLength(2);
  expect(removeImage(db, second.id, true)).toMatchObject({
    untagged: ['docker.io/library/web:latest'],
    deleted: second.id,
  });
});
