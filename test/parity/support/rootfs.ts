/** The images that the cases build on: a busybox system, one with every setting, one with triggers. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type BaseName, writeFiles } from './case.ts';

const users = ['root:x:0:0:root:/root:/bin/sh', 'app:x:1000:1001:app:/home/app:/bin/sh'];
const groups = ['root:x:0:', 'staff:x:50:app', 'app:x:1001:', 'wheel:x:10:root'];

/** Writes a tar of a small system with all of busybox's commands. */
export function writeRootfs(folder: string, archive: string): void {
  for (const name of ['bin', 'dev', 'proc', 'sys', 'usr/bin', 'var', 'ctx', 'in', 'run/secrets'])
    mkdirSync(join(folder, name), { recursive: true });
  copyFileSync('/bin/busybox', join(folder, 'bin/busybox'));
  const names = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const name of names) if (name !== 'busybox') symlinkSync('busybox', join(folder, 'bin', name));
  writeFiles(folder, {
    'etc/passwd': `${[...users, 'nobody:x:65534:65534:nobody:/:/bin/false'].join('\n')}\n`,
    'etc/group': `${[...groups, 'nobody:x:65534:'].join('\n')}\n`,
    // Mount points of what every run gets: so that no builder has to make them.
    'etc/hosts': '',
    'etc/resolv.conf': '',
    'home/app/.profile': { text: 'export FROM_PROFILE=1\n', owner: [1000, 1001] },
    'srv/old': 'old\n',
    'srv/folder/inside': 'inside\n',
    'usr/bin/raw': { text: '#!/bin/sh\n', mode: 0o755, capability: 'cap_net_raw+ep' },
    root: { folder: 0o700 },
    tmp: { folder: 0o1777 },
  });
  execFileSync('chown', ['1000:1001', join(folder, 'home/app')]);
  const xattrs = ['--xattrs', '--xattrs-include=*'];
  execFileSync('tar', ['-C', folder, '--sort=name', '--numeric-owner', ...xattrs, '-cf', archive, '.']);
}

/** What makes the other base images, on top of `base`. */
export const baseDockerfiles: Readonly<Record<Exclude<BaseName, 'base' | 'scratch'>, string>> = {
  rich: `FROM base
ENV GREETING=hello LIST=a:b
LABEL one=1 "two words"="2 2"
WORKDIR /srv/work
USER app
EXPOSE 80 53/udp
VOLUME /data
STOPSIGNAL SIGINT
SHELL ["/bin/ash", "-e", "-c"]
HEALTHCHECK --interval=10s --retries=2 CMD ["true"]
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo hi"]
`,
  triggers: `FROM base
ONBUILD ARG WHO=nobody
ONBUILD ENV TRIGGERED=yes
ONBUILD COPY app.txt /app/
ONBUILD RUN echo "for $WHO" > /app/who
ONBUILD WORKDIR /app
`,
};
