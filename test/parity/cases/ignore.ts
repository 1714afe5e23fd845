/** `.dockerignore`: what of the context a build sees. */
import type { Case, Files } from '../support/case.ts';

const files: Files = {
  a: 'a\n',
  'a.log': 'l\n',
  'keep.log': 'k\n',
  'sub/a': 'a\n',
  'sub/a.log': 'l\n',
  'sub/deep/a.log': 'l\n',
  'sub/deep/b': 'b\n',
  'node/x/y': 'y\n',
  '.git/config': 'c\n',
  'with space': 's\n',
};

const ignores = (name: string, ignore: string, more: Partial<Case> = {}): Case => ({
  name: `ignoring ${name}`,
  dockerfile: ['FROM scratch', 'COPY . /d/'],
  files: { ...files, '.dockerignore': ignore },
  ...more,
});

export const ignoreCases: readonly Case[] = [
  ignores('nothing', ''),
  ignores('a file', 'a\n'),
  ignores('names at the top only', '*.log\n'),
  ignores('names everywhere', '**/*.log\n'),
  ignores('a folder', 'sub\n.git\n'),
  ignores('a folder with a slash', 'sub/\n/node/\n'),
  ignores('all below a folder', 'sub/*\n'),
  ignores('a folder in the middle', 'sub/*/b\n'),
  ignores('with an exception', '*.log\n!keep.log\n'),
  ignores('with an exception below an ignored folder', 'sub\n!sub/deep/b\n'),
  ignores('with an exception that is ignored again', '**\n!sub\nsub/deep\n'),
  ignores('all but one', '*\n!a\n'),
  ignores('all with stars, but a folder', '**\n!sub/deep\n'),
  ignores('with comments, spaces and empty lines', '# comment\n\n  a  \n\t sub\t\n #not a comment\n'),
  ignores('with classes and marks', '?\n[k-m]*.log\n'),
  ignores('with an escape', 'with\\ space\n'),
  ignores('with dots in paths', './a\nsub/../node\n'),
  ignores('with a byte order mark and CRLF', '\ufeffa\r\nsub\r\n'),
  ignores('the Dockerfile and the ignore file', 'Dockerfile\n.dockerignore\n'),
  ignores('what is then not in a folder', 'sub/a*\n', { dockerfile: ['FROM scratch', 'COPY sub /d/'] }),
  ignores('what a star would take', '*.log\n', { dockerfile: ['FROM scratch', 'COPY *.log a /d/'] }),
  ignores('by a file beside the Dockerfile', 'a\n', {
    at: 'other.Dockerfile',
    files: { ...files, '.dockerignore': 'sub\n', 'other.Dockerfile.dockerignore': 'node\n' },
  }),
  ignores('does not touch other stages', 'made\n', {
    dockerfile: ['FROM base AS one', 'RUN echo 1 > /made', 'FROM scratch', 'COPY --from=one /made /'],
  }),
];
