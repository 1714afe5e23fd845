// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/** Features that this dockerd doesn't have: the reference says what is expected. */
import type { Case, Expectation, Files } from '../support/case.ts';

const tree: Files = {
  'a.txt': 'a\n',
  'x/a.log': 'l\n',
  'x/a.txt': 'xa\n',
  'x/y/b.txt': 'xyb\n',
  'x/y/b.log': 'l\n',
  'z/c.txt': 'zc\n',
  'run.sh': { text: '#!/bin/sh\n', mode: 0o700 },
  'p.txt': { text: 'p\n', mode: 0o600 },
};
const newer = (name: string, reference: string, lines: readonly string[], expect: Expectation): Case => ({
  name,
  reference,
  dockerfile: ['FROM base', ...lines],
  files: tree,
  expect,
});
const [link, parents, exclude] = [
  '--link: frontend 1.4',
  '--parents: frontend 1.20',
  '--exclude: frontend 1.19',
];
const chmod = 'symbolic --chmod: frontend 1.14';
const words = 'these modifiers: frontend 1.7';
const env = (...own: string[]) => [
  'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ...own,
];
const dir = 'dir 755 0:0';
const file = (text: string, mode = '644', owner = '0:0') => `file ${mode} ${owner} ${JSON.stringify(text)}`;

export const newerCases: readonly Case[] = [
  newer('--link, a file below new folders', link, ['COPY --link a.txt /n/f'], {
    tree: { n: dir, 'n/f': file('a\n') },
  }),
  newer('--link, a file over a file', link, ['COPY --link a.txt /srv/old'], {
    tree: { 'srv/old': file('a\n') },
  }),
  newer('--link, a folder', link, ['COPY --link z /n/'], { tree: { n: dir, 'n/c.txt': file('zc\n') } }),
  newer('--link under the folder to work in', link, ['WORKDIR /w', 'COPY --link a.txt .'], {
    tree: { w: dir, 'w/a.txt': file('a\n') },
  }),
  newer('--link with an owner by number', link, ['COPY --link --chown=3:4 a.txt /f'], {
    tree: { f: file('a\n', '644', '3:4') },
  }),
  newer('--link=false is none', link, ['COPY --link=false a.txt /f'], { tree: { f: file('a\n') } }),
  {
    ...newer(
      '--link replaces a link on its way by a folder',
      link,
      ['RUN mkdir /real && ln -s real /ln', 'COPY --link a.txt /ln/f'],
      {
        tree: { real: dir, ln: dir, 'ln/f': file('a\n') },
      },
    ),
  },
  newer(
    '--link from a stage, in ADD too',
    link,
    ['ADD --link a.txt /d/', 'COPY --link --from=base /etc/hosts /h'],
    {
      tree: { d: dir, 'd/a.txt': file('a\n'), h: file('') },
    },
  ),
  newer('--parents keeps folders', parents, ['COPY --parents x/a.txt x/y/b.txt /n/'], {
    tree: { n: dir, 'n/x': dir, 'n/x/a.txt': file('xa\n'), 'n/x/y': dir, 'n/x/y/b.txt': file('xyb\n') },
  }),
  newer('--parents with a pivot', parents, ['COPY --parents x/./y/*.txt /n/'], {
    tree: { n: dir, 'n/y': dir, 'n/y/b.txt': file('xyb\n') },
  }),
  newer('--parents with two stars', parents, ['COPY --parents **/*.txt /n/'], {
    tree: {
      n: dir,
      'n/a.txt': file('a\n'),
      'n/p.txt': file('p\n', '600'),
      'n/x': dir,
      'n/x/a.txt': file('xa\n'),
      'n/x/y': dir,
      'n/x/y/b.txt': file('xyb\n'),
      'n/z': dir,
      'n/z/c.txt': file('zc\n'),
    },
  }),
  newer('--parents of a folder', parents, ['COPY --parents x/y /n/'], {
    tree: { n: dir, 'n/x': dir, 'n/x/y': dir, 'n/x/y/b.txt': file('xyb\n'), 'n/x/y/b.log': file('l\n') },
  }),
  newer(
    '--parents from a stage',
    parents,
    ['COPY --from=base --parents /etc/./passwd* /n/', 'RUN mv /n/passwd /f && cmp /f /etc/passwd && rm /f'],
    {
      tree: { n: dir },
    },
  ),
  newer('--exclude, names at the top', exclude, ['COPY --exclude=*.log x /n/'], {
    tree: {
      n: dir,
      'n/a.txt': file('xa\n'),
      'n/y': dir,
      'n/y/b.txt': file('xyb\n'),
      'n/y/b.log': file('l\n'),
    },
  }),
  newer('--exclude, names everywhere', exclude, ['COPY --exclude=**/*.log x /n/'], {
    tree: { n: dir, 'n/a.txt': file('xa\n'), 'n/y': dir, 'n/y/b.txt': file('xyb\n') },
  }),
  newer('--exclude, several, and a folder', exclude, ['COPY --exclude=y --exclude=*.log x /n/'], {
    tree: { n: dir, 'n/a.txt': file('xa\n') },
  }),
  newer('--exclude in ADD', exclude, ['ADD --exclude=y x /n/'], {
    tree: { n: dir, 'n/a.txt': file('xa\n'), 'n/a.log': file('l\n') },
  }),
  {
    ...newer('symbolic modes', chmod, ['COPY --chmod=u=rwX,go=rX run.sh p.txt z /n/'], {
      tree: {
        n: dir,
        'n/run.sh': file('#!/bin/sh\n', '755'),
        'n/p.txt': file('p\n'),
        'n/c.txt': file('zc\n'),
      },
    }),
  },
  newer(
    'symbolic modes that add and take',
    chmod,
    ['COPY --chmod=a+x,g-r a.txt /f', 'COPY --chmod=go= a.txt /g', 'COPY --chmod=+w p.txt /h'],
    {
      tree: { f: file('a\n', '715'), g: file('a\n', '600'), h: file('p\n', '622') },
    },
  ),
  newer(
    'a mode by variable',
    chmod,
    ['ARG M=u+x', 'COPY --chmod=$M a.txt /f', 'COPY --chmod=${O:-600} a.txt /g'],
    {
      tree: { f: file('a\n', '744'), g: file('a\n', '600') },
    },
  ),
  newer('prefixes taken away', words, ['ENV F=foobarbaz', 'ENV A=${F#foo} B=${F#f*b} C=${F##f*b} D=${F#x}'], {
    config: { Env: env('F=foobarbaz', 'A=barbaz', 'B=arbaz', 'C=az', 'D=foobarbaz') },
  }),
  newer('suffixes taken away', words, ['ENV F=foobarbaz', 'ENV A=${F%baz} B=${F%b*} C=${F%%b*} D=${F%x}'], {
    config: { Env: env('F=foobarbaz', 'A=foobar', 'B=foobar', 'C=foo', 'D=foobarbaz') },
  }),
  newer('replacements', words, ['ENV F=foobarbaz', 'ENV A=${F/ba/X} B=${F//ba/X} C=${F//o/} D=${F/b?/X}'], {
    config: { Env: env('F=foobarbaz', 'A=fooXrbaz', 'B=fooXrXz', 'C=fbarbaz', 'D=fooXrbaz') },
  }),
  newer(
    'defaults without colon',
    'modifiers without colon: frontend 1.5',
    ['ENV E=', 'ENV A=${N-d} B=${E-d} C=${N+a} D=${E+a}'],
    {
      config: { Env: env('E=', 'A=d', 'B=', 'C=', 'D=a') },
    },
  ),
  {
    ...newer('a value that must be given', 'frontend 1.5', ['ARG V', 'ENV A="${V:?must be given}"'], {}),
    fails: /must be given/,
  },
  newer(
    'a required value that is given',
    'frontend 1.5',
    ['ARG V=1', 'ENV A="${V:?must be given}" B=${V?no}'],
    {
      config: { Env: env('A=1', 'B=1') },
    },
  ),
  newer('--network=none', '--network: frontend 1.3', ['RUN --network=none ls /sys/class/net > /f'], {
    tree: { f: file('lo\n') },
  }),
  newer('--security=sandbox', '--security: frontend 1.20', ['RUN --security=sandbox echo 1 > /f'], {
    tree: { f: file('1\n') },
  }),
  {
    ...newer('a folder as named context', 'this client has no --build-context', ['COPY --from=more f /f'], {
      tree: { f: file('more\n') },
    }),
    outside: { 'more/f': 'more\n' },
    args: ['--build-context', 'more=more'],
  },
  {
    ...newer('a named context wins over an image', 'this client has no --build-context', ['RUN true'], {}),
    dockerfile: ['FROM other', 'COPY a.txt /'],
    base: 'scratch',
    expect: { tree: { f: file('more\n'), 'a.txt': file('a\n') } },
    outside: { 'more/f': 'more\n' },
    args: ['--build-context', 'other=more'],
  },
  {
    ...newer('a named context wins over a stage', 'this client has no --build-context', [], {}),
    dockerfile: ['FROM base AS one', 'RUN exit 1', 'FROM base', 'COPY --from=one f /f'],
    expect: { tree: { f: file('more\n') } },
    outside: { 'more/f': 'more\n' },
    args: ['--build-context', 'one=more'],
  },
  newer(
    'the target as an argument',
    'TARGETSTAGE: frontend 1.13',
    ['ARG TARGETSTAGE', 'RUN echo "[$TARGETSTAGE]" > /f'],
    {
      tree: { f: file('[default]\n') },
    },
  ),
  {
    ...newer(
      'limits of the command line',
      'this client has no --ulimit for BuildKit',
      ['RUN ulimit -n > /f; df -k /dev/shm | tail -1 | awk "{print \\$2}" >> /f'],
      {
        tree: { f: file('123\n8192\n') },
      },
    ),
    args: ['--ulimit', 'nofile=123:123', '--shm-size', '8m'],
  },
];
