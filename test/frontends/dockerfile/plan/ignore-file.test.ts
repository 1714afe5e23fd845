import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ignoreFile } from '../../../../src/frontends/dockerfile/plan/places.ts';
import { scratch } from '../../../support/scratch.ts';

test("a Dockerfile's own ignore file wins over the context's, even an empty one", () => {
  using at = scratch();
  mkdirSync(at.path('context'));
  const [dockerfile, context] = [at.path('my.Dockerfile'), at.path('context')];
  expect(ignoreFile(context, dockerfile)).toEqual([]);

  writeFileSync(at.path('context', '.dockerignore'), '\ufeff# no\n/node_modules/\n!a\n');
  const ofContext = ['node_modules', '!a'];
  expect(ignoreFile(context, dockerfile)).toEqual(ofContext);
  expect(ignoreFile(context)).toEqual(ofContext);

  writeFileSync(`${dockerfile}.dockerignore`, '');
  expect(ignoreFile(context, dockerfile)).toEqual([]);
});
