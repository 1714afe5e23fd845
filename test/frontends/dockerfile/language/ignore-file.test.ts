import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readIgnoreFile } from '../../../../src/frontends/dockerfile/language/ignore-file.ts';
import { scratch } from '../../../support/scratch.ts';

test("a Dockerfile's own ignore file wins over the context's, even an empty one", () => {
  using at = scratch();
  mkdirSync(at.path('context'));
  const [dockerfile, context] = [at.path('my.Dockerfile'), at.path('context')];
  expect(readIgnoreFile(dockerfile, context)).toBeUndefined();

  writeFileSync(at.path('context', '.dockerignore'), '\ufeff# no\n/node_modules/\n!a\n');
  const ofContext = { path: at.path('context', '.dockerignore'), patterns: ['node_modules', '!a'] };
  expect(readIgnoreFile(dockerfile, context)).toEqual(ofContext);
  expect(readIgnoreFile(undefined, context)).toEqual(ofContext);
  expect(readIgnoreFile(dockerfile, undefined)).toBeUndefined();

  writeFileSync(`${dockerfile}.dockerignore`, '');
  expect(readIgnoreFile(dockerfile, context)).toEqual({ path: `${dockerfile}.dockerignore`, patterns: [] });
});
