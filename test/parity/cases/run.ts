/** RUN: forms, shells, users, folders, and what a command finds around it. */
import type { Case } from '../support/case.ts';

/** Groups of a run, as BuildKit since 0.11 gives them: the main group is one of them too. */
const groups = (name: string, user: string | undefined, id: string, owner: string, home = ''): Case => ({
  name,
  dockerfile: [
    'FROM base',
    'RUN echo new:x:77:50::/srv:/bin/sh >> /etc/passwd',
    ...(user === undefined ? [] : [`USER ${user}`]),
    'RUN id > /tmp/f; echo $HOME >> /tmp/f',
    'USER root',
    "RUN sed -i '$d' /etc/passwd",
  ],
  reference: 'this dockerd leaves the main group out of the list of groups',
  expect: { tree: { 'tmp/f': `file 644 ${owner} ${JSON.stringify(`${id}\n${home}\n`)}` } },
});

export const runCases: readonly Case[] = [
  { name: 'the exec form', dockerfile: ['FROM base', 'RUN ["/bin/sh", "-c", "echo \\"$0\\" > /f", "zero"]'] },
  {
    name: 'a list that is no JSON is a command',
    dockerfile: ['FROM base', "RUN [ 'a' = 'a' ] && echo yes > /f"],
  },
  { name: 'lines that go on', dockerfile: ['FROM base', 'RUN echo one > /f && \\', '    echo two >> /f'] },
  {
    name: 'a comment and an empty line inside a command',
    dockerfile: ['FROM base', 'RUN echo one > /f && \\', '  # a comment', '', '    echo two >> /f'],
  },
  {
    name: 'quotes and dollars reach the shell',
    dockerfile: ['FROM base', `RUN X='a  b'; echo "$X" '$X' \\$X > /f`],
  },
  {
    name: 'another shell',
    dockerfile: ['FROM base', 'SHELL ["/bin/ash", "-ec"]', 'RUN echo "$0" > /f; set -o >> /f'],
  },
  {
    name: 'a shell that is no shell',
    dockerfile: ['FROM base', 'SHELL ["/bin/busybox", "awk"]', 'RUN BEGIN { print "awk" > "/f" }'],
  },
  {
    name: 'the environment of a run',
    dockerfile: ['FROM base', 'ENV A=1', 'ARG B=2', 'RUN env | sort > /f'],
  },
  {
    name: 'the environment of a run of a user',
    dockerfile: ['FROM base', 'USER app', 'RUN env | sort > /tmp/f'],
  },
  {
    name: 'the environment of a run in exec form',
    dockerfile: ['FROM base', 'RUN ["/bin/env"]', 'RUN ["/bin/sh", "-c", "env | sort > /f"]'],
  },
  {
    name: 'a home of its own',
    dockerfile: ['FROM base', 'ENV HOME=/srv', 'RUN echo ~ > /f', 'USER app', 'RUN echo $HOME > /tmp/f'],
  },
  {
    name: 'a folder that a command went to',
    dockerfile: ['FROM base', 'RUN cd /srv && X=1', 'RUN echo "$PWD $X" > /f'],
  },
  {
    name: 'who a run is',
    dockerfile: [
      'FROM base',
      'RUN id -u > /f; id -g >> /f; umask >> /f; pwd >> /f; hostname >> /f; grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status >> /f',
    ],
  },
  groups('no user', undefined, 'uid=0(root) gid=0(root) groups=0(root),10(wheel)', '0:0', '/root'),
  groups('root', 'root', 'uid=0(root) gid=0(root) groups=0(root),10(wheel)', '0:0', '/root'),
  groups(
    'a user by name',
    'app',
    'uid=1000(app) gid=1001(app) groups=50(staff),1001(app)',
    '1000:1001',
    '/home/app',
  ),
  groups(
    'a user by number',
    '1000',
    'uid=1000(app) gid=1001(app) groups=50(staff),1001(app)',
    '1000:1001',
    '/home/app',
  ),
  groups(
    'a user and a group by name',
    'app:staff',
    'uid=1000(app) gid=50(staff) groups=50(staff)',
    '1000:50',
    '/home/app',
  ),
  groups('a user that has no name', '1234:5678', 'uid=1234 gid=5678 groups=5678', '1234:5678', '/'),
  groups(
    'a user that has no name and no group',
    '1234',
    'uid=1234 gid=0(root) groups=0(root)',
    '1234:0',
    '/',
  ),
  groups('a user made in the build', 'new', 'uid=77(new) gid=50(staff) groups=50(staff)', '77:50', '/srv'),
  {
    name: 'a user and back to root',
    dockerfile: ['FROM base', 'USER app', 'RUN touch /tmp/a', 'USER root', 'RUN touch /tmp/b'],
  },
  {
    name: 'a folder to work in',
    dockerfile: [
      'FROM base',
      'WORKDIR /a/b',
      'RUN pwd > f',
      'WORKDIR c',
      'RUN pwd > f',
      'WORKDIR ..',
      'RUN pwd > g',
    ],
  },
  {
    name: 'a folder to work in that exists',
    dockerfile: ['FROM base', 'RUN mkdir -m 700 /w && chown 5:6 /w', 'WORKDIR /w', 'RUN pwd > f'],
  },
  {
    name: 'a folder to work in for a user',
    dockerfile: ['FROM base', 'USER app', 'WORKDIR /home/app/work/deep', 'RUN touch f'],
  },
  {
    name: 'a folder to work in behind a link',
    dockerfile: [
      'FROM base',
      'RUN mkdir /real && ln -s real /link',
      'WORKDIR /link/sub',
      'RUN touch f; pwd > g',
    ],
  },
  { name: 'the root as folder to work in', dockerfile: ['FROM base', 'WORKDIR /', 'RUN pwd > f'] },
  {
    name: 'a folder to work in with slashes and dots',
    dockerfile: ['FROM base', 'WORKDIR //a//./b/../c/', 'RUN pwd > f'],
    reference: 'this dockerd keeps the path as written; current BuildKit cleans it',
    expect: {
      tree: { a: 'dir 755 0:0', 'a/c': 'dir 755 0:0', 'a/c/f': 'file 644 0:0 "/a/c\\n"' },
      config: { WorkingDir: '/a/c' },
      history: ['WORKDIR /a/c', 'RUN /bin/sh -c pwd > f # buildkit'],
    },
  },
  {
    name: 'a folder to work in without a slash in front',
    dockerfile: ['FROM base', 'WORKDIR a', 'WORKDIR b'],
  },
  { name: 'removing what the base has', dockerfile: ['FROM base', 'RUN rm -r /srv/folder /srv/old'] },
  {
    name: 'a folder removed and made again',
    dockerfile: ['FROM base', 'RUN rm -r /srv && mkdir /srv && echo new > /srv/new'],
  },
  { name: 'a file instead of a folder', dockerfile: ['FROM base', 'RUN rm -r /srv && echo file > /srv'] },
  {
    name: 'a folder instead of a file',
    dockerfile: ['FROM base', 'RUN rm /srv/old && mkdir /srv/old && touch /srv/old/in'],
  },
  { name: 'a file made and removed', dockerfile: ['FROM base', 'RUN echo 1 > /f', 'RUN rm /f'] },
  {
    name: 'one of everything',
    dockerfile: [
      'FROM base',
      'RUN mkdir -m 2750 /d && mkfifo /d/p && mknod /d/c c 1 3 && mknod /d/b b 7 300 && ln -s ../nowhere /d/l && echo x > /d/f && ln /d/f /d/h && chmod 4711 /d/f && chown 12:34 /d /d/f && chown -h 5:6 /d/l && truncate -s 100000 /d/holes',
    ],
  },
  {
    name: 'a new owner for what the base has',
    dockerfile: ['FROM base', 'RUN chown -R 7:8 /srv && chmod 600 /srv/old'],
  },
  {
    name: 'a file that moved',
    dockerfile: ['FROM base', 'RUN mv /srv/old /srv/new && mv /srv/folder /moved'],
  },
  { name: 'a hard link to what the base has', dockerfile: ['FROM base', 'RUN ln /srv/old /srv/linked'] },
  {
    name: 'a run that changes nothing',
    dockerfile: ['FROM base', 'RUN true', 'RUN [ -f /srv/old ]', 'RUN :'],
  },
  {
    name: 'what is in /dev, /proc and /sys does not stay',
    // core: crun makes that link to /proc/kcore, which nobody can read; runc doesn't.
    dockerfile: ['FROM base', 'RUN touch /dev/shm/x && ls /dev | sed /^core$/d | sort > /f'],
  },
  { name: 'no input', dockerfile: ['FROM base', 'RUN cat > /f'] },
  {
    name: 'a process left behind',
    dockerfile: ['FROM base', 'RUN (sleep 300; touch /late) & echo done > /f'],
  },
  { name: 'pid 1', dockerfile: ['FROM base', 'RUN echo $$ > /f'] },
  {
    name: 'a name of the machine',
    dockerfile: ['FROM base', 'RUN grep -c other /etc/hosts > /f; grep -E "^1.2.3.4" /etc/hosts >> /f'],
    args: ['--add-host', 'other:1.2.3.4'],
  },
  {
    name: 'a change of /etc/hosts does not stay',
    dockerfile: ['FROM base', 'RUN echo 9.9.9.9 x >> /etc/hosts || true', 'RUN true'],
  },
  {
    name: 'names that are no UTF-8',
    dockerfile: [
      'FROM base',
      'RUN touch "/$(printf \'latin\\351\')" /ünïcode "/with space" "/-dash" "/a\\\\b"',
    ],
  },
  {
    name: 'a file with a line feed in its name',
    dockerfile: ['FROM base', 'RUN touch "/$(printf \'a\\nb\')"'],
  },
  {
    name: 'very long names',
    dockerfile: [
      'FROM base',
      'RUN n=$(printf %0200d 0); mkdir -p /$n/$n && touch /$n/$n/f && ln -s $n/$n /l',
    ],
  },
  { name: 'limits of a run', dockerfile: ['FROM base', 'RUN ulimit -c > /f; ulimit -s >> /f'] },
];
