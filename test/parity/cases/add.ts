/** ADD: archives and what is fetched. */
import { type Case, type Files, portMark } from '../support/case.ts';

const members: Files = {
  'dir/file': { text: 'in the tar\n', mode: 0o640, owner: [11, 22] },
  'dir/run': { text: '#!/bin/sh\n', mode: 0o4755 },
  dir: { folder: 0o750 },
  'dir/link': { link: 'file' },
  'dir/hard': { hardlink: 'dir/file' },
};
const url = `http://127.0.0.1:${portMark}`;

const unpacks = (compress?: 'gzip' | 'bzip2' | 'xz'): Case => ({
  name: `an archive is unpacked: ${compress ?? 'plain'}`,
  dockerfile: ['FROM base', 'ADD a.tar /d/'],
  files: { 'a.tar': compress ? { tar: members, compress } : { tar: members } },
});

export const addCases: readonly Case[] = [
  unpacks(),
  unpacks('gzip'),
  unpacks('bzip2'),
  unpacks('xz'),
  {
    name: 'COPY does not unpack',
    dockerfile: ['FROM base', 'COPY a.tar /d/'],
    files: { 'a.tar': { tar: { f: 'f\n' } } },
  },
  {
    name: 'an archive into the root',
    dockerfile: ['FROM base', 'ADD a.tar /'],
    files: { 'a.tar': { tar: { 'srv/new': 'n\n', 'srv/old': 'changed\n' } } },
  },
  {
    name: 'an archive to a name without slash',
    dockerfile: ['FROM base', 'ADD a.tar /d'],
    files: { 'a.tar': { tar: members } },
  },
  {
    name: 'an archive and a file',
    dockerfile: ['FROM base', 'ADD a.tar f /d/'],
    files: { 'a.tar': { tar: members }, f: 'f\n' },
  },
  {
    name: 'an archive with an owner',
    dockerfile: ['FROM base', 'ADD --chown=5:6 a.tar /d/'],
    files: { 'a.tar': { tar: members } },
    reference: 'this dockerd leaves the owners of members',
    expect: {
      tree: {
        d: 'dir 755 5:6',
        'd/dir': 'dir 750 5:6',
        'd/dir/file': 'file 640 5:6 "in the tar\\n"',
        'd/dir/hard': 'file 640 5:6 "in the tar\\n"',
        'd/dir/link': 'link 5:6 file',
        'd/dir/run': 'file 4755 5:6 "#!/bin/sh\\n"',
      },
    },
  },
  {
    name: 'an archive in a folder is not unpacked',
    dockerfile: ['FROM base', 'ADD sub /d/'],
    files: { 'sub/a.tar': { tar: {} }, 'sub/f': 'f\n' },
  },
  {
    name: 'a name that looks like an archive',
    dockerfile: ['FROM base', 'ADD a.tar.gz /d/'],
    files: { 'a.tar.gz': 'no archive\n' },
  },
  {
    name: 'an archive that does not look like one',
    dockerfile: ['FROM base', 'ADD plain /d/'],
    files: { plain: { tar: members, compress: 'gzip' } },
  },
  {
    name: 'a gzip that holds no archive',
    dockerfile: ['FROM base', 'ADD g.gz /d/'],
    files: {
      'g.gz': {
        bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b, 0xe4, 2, 0, 0x7a, 0x7a, 0x6f, 0xed, 2, 0, 0, 0],
      },
    },
  },
  {
    name: 'an archive that breaks off is a file',
    dockerfile: ['FROM base', 'ADD a.tar.gz /d/'],
    files: { 'a.tar.gz': { bytes: [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x4b] } },
  },
  {
    name: 'ADD is COPY for the rest',
    dockerfile: ['FROM base', 'ADD dir f /d/', 'ADD --chown=app f /e/', 'ADD *.txt /f/'],
    files: { 'dir/in': 'i\n', f: 'f\n', 'x.txt': 'x\n' },
  },
  {
    name: 'an archive over a link',
    dockerfile: ['FROM base', 'RUN mkdir /real && ln -s real /dir', 'ADD a.tar /'],
    files: { 'a.tar': { tar: { 'dir/f': 'f\n' } } },
  },
  { name: 'a URL into a folder', dockerfile: ['FROM base', `ADD ${url}/plain.txt /d/`] },
  { name: 'a URL under a new name', dockerfile: ['FROM base', `ADD ${url}/plain.txt /d/new`] },
  {
    name: 'a URL with a query and escapes',
    dockerfile: ['FROM base', `ADD ${url}/data/with%20space.txt?x=1 /d/`],
  },
  {
    name: 'an archive from a URL stays as it is',
    dockerfile: ['FROM base', `ADD ${url}/data/archive.tar /d/`],
  },
  {
    name: 'a URL with an owner and a mode',
    dockerfile: ['FROM base', `ADD --chown=3:4 --chmod=644 ${url}/plain.txt /d/`],
    reference: 'this dockerd passes over the mode',
    expect: { tree: { d: 'dir 644 3:4', 'd/plain.txt': 'file 644 3:4 "fetched\\n"' } },
  },
  {
    name: 'a URL beside a file',
    dockerfile: ['FROM base', `ADD f ${url}/plain.txt /d/`],
    files: { f: 'f\n' },
  },
  { name: 'a URL with a variable', dockerfile: ['FROM base', 'ARG NAME=plain', `ADD ${url}/$NAME.txt /d/`] },
  {
    name: 'an archive that is kept',
    dockerfile: ['FROM base', 'ADD --unpack=false a.tar.gz /d/', 'RUN ls /d > /f; rm -r /d'],
    files: { 'a.tar.gz': { tar: { f: 'f\n' }, compress: 'gzip' } },
    reference: '--unpack came with frontend 1.17',
    expect: { tree: { f: 'file 644 0:0 "a.tar.gz\\n"' } },
  },
  {
    name: 'an archive from a URL that is unpacked',
    dockerfile: ['FROM base', `ADD --unpack=true ${url}/data/archive.tar /d/`],
    reference: '--unpack came with frontend 1.17',
    expect: {
      tree: { d: 'dir 755 0:0', 'd/inside': 'dir 755 0:0', 'd/inside/file': 'file 644 0:0 "from a tar\\n"' },
    },
  },
  {
    name: 'an archive in zstd',
    dockerfile: ['FROM base', 'ADD a.tar.zst /d/'],
    files: { 'a.tar.zst': { tar: { f: 'f\n' }, compress: 'zstd' } },
    reference: 'zstd came with BuildKit 0.10',
    expect: { tree: { d: 'dir 755 0:0', 'd/f': 'file 644 0:0 "f\\n"' } },
  },
  {
    name: 'a URL with its checksum',
    dockerfile: [
      'FROM base',
      `ADD --checksum=sha256:f6e379b0639054c51806fd5d67948cbcaebd354b0e91a7683932b043c5c3ba32 ${url}/plain.txt /d/`,
    ],
    reference: '--checksum came with frontend 1.6',
    expect: { tree: { d: 'dir 755 0:0', 'd/plain.txt': 'file 600 0:0 "fetched\\n"' } },
  },
  {
    name: 'a git repository',
    dockerfile: ['FROM base', `ADD ${url}/repo.git /d/`],
    reference: 'git in ADD came with frontend 1.5',
    expect: {
      tree: {
        d: 'dir 755 0:0',
        'd/readme.txt': 'file 644 0:0 "second\\n"',
        'd/sub': 'dir 755 0:0',
        'd/sub/tool.sh': 'file 755 0:0 "#!/bin/sh\\n"',
      },
    },
  },
  {
    name: 'a git branch, and a folder of it',
    dockerfile: ['FROM base', `ADD ${url}/repo.git#old:sub /d/`, `ADD --chown=1:2 ${url}/repo.git#old /e/`],
    reference: 'git in ADD came with frontend 1.5',
    expect: {
      tree: {
        d: 'dir 755 0:0',
        'd/tool.sh': 'file 755 0:0 "#!/bin/sh\\n"',
        e: 'dir 755 1:2',
        'e/readme.txt': 'file 644 1:2 "first\\n"',
        'e/sub': 'dir 755 1:2',
        'e/sub/tool.sh': 'file 755 1:2 "#!/bin/sh\\n"',
      },
    },
  },
  {
    name: 'a git repository with its history',
    dockerfile: [
      'FROM base',
      `ADD --keep-git-dir=true ${url}/repo.git /d/`,
      'RUN cat /d/readme.txt > /f; [ -d /d/.git ] && echo git >> /f; rm -r /d',
    ],
    reference: 'git in ADD came with frontend 1.5',
    expect: { tree: { f: 'file 644 0:0 "second\\ngit\\n"' } },
  },
];
