/** COPY of links, special files, capabilities and odd names; of stages and images. */
import type { Case } from '../support/case.ts';

export const copyKindCases: readonly Case[] = [
  {
    name: 'special modes and owners of the context',
    dockerfile: ['FROM base', 'COPY . /d/'],
    files: {
      setuid: { text: 's\n', mode: 0o4755 },
      owned: { text: 'o\n', owner: [12, 34] },
      'sticky/f': 'f\n',
      sticky: { folder: 0o1777 },
      group: { folder: 0o2755 },
      nothing: { text: '', mode: 0 },
    },
  },
  {
    name: 'links in the context',
    dockerfile: [
      'FROM base',
      'COPY . /d/',
      'COPY to-file /e/',
      'COPY to-folder /f/',
      'COPY to-folder/in /g/',
    ],
    files: {
      file: 'file\n',
      'folder/in': 'in\n',
      'to-file': { link: 'file' },
      'to-folder': { link: 'folder' },
      absolute: { link: '/etc/passwd' },
      dangling: { link: 'nowhere' },
      'deep/up': { link: '../file' },
    },
  },
  {
    name: 'a star over links',
    dockerfile: ['FROM base', 'COPY sub/l* /d/'],
    files: {
      'sub/lfile': 'f\n',
      'sub/target': 't\n',
      'sub/l0': { link: 'target' },
      'sub/l1': { link: 'l0' },
    },
  },
  {
    name: 'hard links in the context',
    dockerfile: ['FROM base', 'COPY . /d/'],
    files: { a: 'same\n', b: { hardlink: 'a' }, 'sub/c': 'x\n' },
  },
  {
    name: 'a capability in the context',
    dockerfile: ['FROM base', 'COPY tool /d/', 'COPY --chown=1:2 tool /e/'],
    files: { tool: { text: '#!/bin/sh\n', mode: 0o755, capability: 'cap_net_raw+ep' } },
  },
  {
    name: 'a capability in an image',
    dockerfile: [
      'FROM base AS one',
      'FROM base',
      'COPY --from=one /usr/bin/raw /kept',
      'COPY --from=one --chown=1:2 /usr/bin/raw /owned',
      'COPY --from=one --chmod=700 /usr/bin/raw /moded',
      'RUN chmod 700 /usr/bin/raw && mv /usr/bin/raw /usr/bin/moved',
    ],
  },
  {
    name: 'a capability that a new owner takes away',
    dockerfile: ['FROM base', 'RUN chown 5:5 /usr/bin/raw'],
  },
  {
    name: 'odd names in the context',
    dockerfile: ['FROM base', 'COPY . /d/', 'COPY ["with space", "-dash", "/e/"]', 'COPY [[]x] /f/'],
    files: {
      'with space': '1\n',
      '-dash': '2\n',
      ünïcode: '3\n',
      '[x]': '4\n',
      'a\\b': '5\n',
      $HOME: '6\n',
      '#hash': '7\n',
    },
  },
  {
    name: 'special files of a stage',
    dockerfile: [
      'FROM base AS one',
      'RUN mkdir /out && cd /out && mkfifo p && mknod n c 1 3 && ln -s p l && echo f > f && ln f h && chown 3:4 f && chmod 4755 f && chown -h 5:6 l && mkdir -m 1777 s && chown 7:8 s',
      'FROM base',
      'COPY --from=one /out /d',
      'COPY --from=one --chown=9:9 /out /e',
    ],
    reference: 'this dockerd passes over pipes, and makes files of devices',
    expect: {
      tree: {
        d: 'dir 755 0:0',
        'd/f': 'file 4755 3:4 "f\\n"',
        'd/h': 'file 4755 3:4 "f\\n"',
        'd/l': 'link 5:6 p',
        'd/n': 'char 644 0:0 1:3',
        'd/p': 'fifo 644 0:0',
        'd/s': 'dir 1777 7:8',
        e: 'dir 755 9:9',
        'e/f': 'file 4755 9:9 "f\\n"',
        'e/h': 'file 4755 9:9 "f\\n"',
        'e/l': 'link 9:9 p',
        'e/n': 'char 644 9:9 1:3',
        'e/p': 'fifo 644 9:9',
        'e/s': 'dir 1777 9:9',
      },
    },
  },
  {
    name: 'owners of a stage stay',
    dockerfile: [
      'FROM base AS one',
      'RUN mkdir -p /d/sub && echo f > /d/sub/f && chown -R 100:200 /d && chown 300:400 /d/sub/f',
      'FROM base',
      'COPY --from=one /d/sub/f /f',
      'COPY --from=one /d /new',
      'COPY --from=one /d/. /srv',
      'COPY --from=one /d/sub/f /made/here',
    ],
  },
  {
    name: 'links on the way to a source in a stage',
    dockerfile: [
      'FROM base AS one',
      'RUN mkdir -p /out/sub && ln -s /out/sub /s1 && ln -s out/sub /s2 && echo data > /out/sub/f && ln -s /out/sub/f /s3',
      'FROM scratch',
      'COPY --from=one /s1/f /1',
      'COPY --from=one /s2/f /2',
      'COPY --from=one /s3 /3',
      'COPY --from=one /s2 /4',
    ],
  },
  {
    name: 'a link of a stage that leads out',
    dockerfile: [
      'FROM base AS one',
      'RUN ln -s ../../../etc/group /up',
      'FROM scratch',
      'COPY --from=one /up /f',
    ],
  },
  {
    name: 'a source of a stage is from its root, not from its folder to work in',
    dockerfile: [
      'FROM base AS one',
      'WORKDIR /w',
      'RUN echo w > f && echo root > /f',
      'FROM scratch',
      'COPY --from=one f /',
    ],
  },
  {
    name: 'a star in a stage',
    dockerfile: [
      'FROM base AS one',
      'RUN mkdir /o && touch /o/a.c /o/b.c /o/c.h',
      'FROM scratch',
      'COPY --from=one /o/*.c /d/',
    ],
  },
  { name: 'a file of 3 MB', dockerfile: ['FROM base', 'COPY big /'], files: { big: 'x'.repeat(3_000_000) } },
  { name: 'an empty file', dockerfile: ['FROM base', 'COPY empty /d/'], files: { empty: '' } },
  {
    name: 'a pipe in the context',
    dockerfile: ['FROM base', 'COPY sub /d/'],
    files: { 'sub/pipe': { fifo: 0o640 }, 'sub/f': 'f\n' },
    reference: 'this dockerd passes over pipes',
    expect: { tree: { d: 'dir 755 0:0', 'd/f': 'file 644 0:0 "f\\n"', 'd/pipe': 'fifo 640 0:0' } },
  },
  {
    name: 'a file becomes a folder and back',
    dockerfile: ['FROM base', 'COPY file /x', 'RUN rm /x', 'COPY folder /x', 'RUN rm -r /x', 'COPY file /x'],
    files: { file: 'f\n', 'folder/in': 'i\n' },
  },
];
