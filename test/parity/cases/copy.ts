/** COPY: where things land, what is followed, who owns it. */
import type { Case, Files } from '../support/case.ts';

const tree: Files = {
  'a.txt': 'a\n',
  'b.txt': { text: 'b\n', mode: 0o600 },
  'run.sh': { text: '#!/bin/sh\n', mode: 0o755 },
  'dir/one': '1\n',
  'dir/sub/two': '2\n',
  'dir/sub/.hidden': 'h\n',
  'dir/empty': { folder: 0o755 },
  other: { folder: 0o711 },
  'other/x.txt': 'x\n',
};

const copies = (name: string, ...lines: string[]): Case => ({
  name,
  dockerfile: ['FROM base', ...lines],
  files: tree,
});

/** Folders that a copy with a mode makes get that mode, and special bits are set: both are newer than this dockerd. */
const withMode = (
  name: string,
  lines: readonly string[],
  expected: Readonly<Record<string, string>>,
): Case => ({
  ...copies(name, ...lines),
  reference: 'this dockerd gives new folders 755 and loses the special bits',
  expect: { tree: expected },
});

export const copyCases: readonly Case[] = [
  withMode('a mode for a file and the folder above it', ['COPY --chmod=600 a.txt /d/'], {
    d: 'dir 600 0:0',
    'd/a.txt': 'file 600 0:0 "a\\n"',
  }),
  withMode('a mode for all of a folder', ['COPY --chmod=0750 dir /e'], {
    e: 'dir 750 0:0',
    'e/empty': 'dir 750 0:0',
    'e/one': 'file 750 0:0 "1\\n"',
    'e/sub': 'dir 750 0:0',
    'e/sub/.hidden': 'file 750 0:0 "h\\n"',
    'e/sub/two': 'file 750 0:0 "2\\n"',
  }),
  withMode('a mode with special bits', ['COPY --chmod=4711 a.txt /f/g', 'COPY --chmod=1777 dir /t'], {
    f: 'dir 711 0:0',
    'f/g': 'file 4711 0:0 "a\\n"',
    // The top folder is made before it is copied, without the special bits.
    t: 'dir 777 0:0',
    't/empty': 'dir 1777 0:0',
    't/one': 'file 1777 0:0 "1\\n"',
    't/sub': 'dir 1777 0:0',
    't/sub/.hidden': 'file 1777 0:0 "h\\n"',
    't/sub/two': 'file 1777 0:0 "2\\n"',
  }),
  withMode('an owner and a mode', ['COPY --chown=1:2 --chmod=640 other a.txt /d/'], {
    d: 'dir 640 1:2',
    'd/a.txt': 'file 640 1:2 "a\\n"',
    'd/x.txt': 'file 640 1:2 "x\\n"',
  }),
  copies(
    'a mode into a folder that exists',
    'COPY --chmod=600 a.txt /srv/',
    'COPY --chmod=700 a.txt /srv/folder/in',
  ),
  copies('a file under a new name', 'COPY a.txt /new'),
  copies('a file into a folder that a slash says', 'COPY a.txt /new/'),
  copies('a file into a folder that exists', 'COPY a.txt /srv'),
  copies('a file over a file', 'COPY a.txt /srv/old'),
  copies('a file below folders that do not exist', 'COPY a.txt /x/y/z'),
  copies(
    'a file under the folder to work in',
    'WORKDIR /w',
    'COPY a.txt .',
    'COPY a.txt sub/',
    'COPY a.txt ./named',
  ),
  copies('several files', 'COPY a.txt b.txt run.sh /many/'),
  copies('several files to one name: the last one stays', 'COPY a.txt b.txt /name', 'COPY [ab].txt /other'),
  copies('several files into a folder that exists', 'COPY a.txt b.txt /srv/'),
  copies('the content of a folder', 'COPY dir /d'),
  copies('the content of a folder, with slashes', 'COPY dir/ /d/'),
  copies('the content of a folder into one that exists', 'COPY dir /srv'),
  copies('the content of a folder twice', 'COPY dir /d', 'COPY dir /d'),
  copies('several folders are merged', 'COPY dir other /d/'),
  copies('a folder with dot', 'COPY dir/. /d'),
  copies('the whole context', 'COPY . /all/'),
  copies('the whole context into the root', 'COPY . /'),
  copies('the context by a slash', 'COPY / /all'),
  copies('paths that start with a slash or a dot', 'COPY /a.txt ./b.txt /d/', 'COPY /dir/../a.txt /e'),
  copies('paths above the context end at its root', 'COPY ../a.txt /d/', 'COPY /../../dir/one /d/'),
  copies('the JSON form', 'COPY ["a.txt", "b.txt", "/with space/"]'),
  copies('a star', 'COPY *.txt /d/'),
  copies('a star for folders takes their content', 'COPY d* /d/'),
  copies('a star within a path', 'COPY */sub/two o*r/x.txt /d/'),
  copies('a question mark and a class', 'COPY ?.txt /d/', 'COPY [ab].txt /e/', 'COPY [^a].txt /f/'),
  copies('a star that matches one file, to a file name', 'COPY a*.txt /named'),
  copies('a star beside a file, that matches nothing', 'COPY a.txt nothing* /d/'),
  copies('a star and hidden files', 'COPY dir/sub/* /d/'),
  copies('an escaped star is a name', 'COPY a.txt /x\\*', 'RUN ls / > /list'),
  copies('owners by number', 'COPY --chown=12:34 dir /d', 'COPY --chown=5 a.txt /e/f'),
  copies(
    'owners by name',
    'COPY --chown=app:staff a.txt /d/',
    'COPY --chown=app b.txt /d/',
    'COPY --chown=nobody dir /e',
  ),
  copies('a name and a number', 'COPY --chown=app:7 a.txt /d', 'COPY --chown=7:app a.txt /e'),
  copies('a number that has a name does not bring its group', 'COPY --chown=1000 a.txt /d'),
  copies(
    'an owner of a user that the build made',
    'RUN echo new:x:77:50::/srv:/bin/sh >> /etc/passwd',
    'COPY --chown=new a.txt /d',
  ),
  copies(
    'owners that the image does not know are root',
    'COPY --chown=ghost a.txt /d',
    'COPY --chown=app:ghosts a.txt /e',
  ),
  copies(
    'an owner leaves folders that exist',
    'COPY --chown=1:2 dir /srv',
    'COPY --chown=1:2 a.txt /home/x/y',
  ),
  copies('USER does not own copies', 'USER app', 'COPY a.txt /d/'),
  copies(
    'a folder over folders keeps their modes',
    'RUN mkdir -m 700 -p /d/sub && chmod 700 /d',
    'COPY dir /d',
  ),
  copies(
    'a file below a link to a folder',
    'RUN mkdir /real && ln -s real /link',
    'COPY a.txt /link/',
    'COPY dir /link',
  ),
  copies('a file over a link to a file', 'RUN echo old > /real && ln -s real /link', 'COPY a.txt /link'),
  copies(
    'a link that leads out of the image',
    'RUN ln -s ../../../../../../out /link && mkdir /out',
    'COPY a.txt /link/',
  ),
  copies('a link that leads nowhere', 'RUN ln -s /nowhere /link', 'COPY a.txt /link/f'),
  copies('dots in the destination', 'COPY a.txt /srv/folder/../new', 'COPY a.txt /../../top'),
  copies('a copy and its removal', 'COPY dir /d', 'RUN rm -r /d/sub'),
  copies('an empty folder', 'COPY dir/empty /d'),
  {
    ...copies(
      'the history of owners and modes',
      'COPY --chown=1:2 --chmod=644 a.txt /srv/',
      'ADD --chmod=600 --chown=app b.txt /srv/',
    ),
    historyNow: [
      'COPY --chown=1:2 --chmod=644 a.txt /srv/ # buildkit',
      'ADD --chown=app --chmod=600 b.txt /srv/ # buildkit',
    ],
  },
  copies(
    'the history of copies',
    'COPY a.txt b.txt /d/',
    'COPY ["run.sh", "/e"]',
    'ENV F=a.txt',
    'COPY $F /f',
  ),
];
