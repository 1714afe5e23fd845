/** RUN --mount. */
import type { Case } from '../support/case.ts';

export const mountCases: readonly Case[] = [
  {
    name: 'the context as a mount',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=bind,target=/ctx cat /ctx/sub/a > /f; touch /ctx/x 2>/dev/null || echo read-only >> /f',
    ],
    files: { 'sub/a': 'a\n' },
  },
  {
    name: 'bind is the type unless said',
    dockerfile: ['FROM base', 'RUN --mount=target=/ctx,source=sub ls /ctx > /f'],
    files: { 'sub/a': 'a\n' },
  },
  {
    name: 'one file as a mount',
    dockerfile: ['FROM base', 'RUN --mount=source=sub/a,target=/srv/old cat /srv/old > /f'],
    files: { 'sub/a': 'a\n' },
  },
  {
    name: 'writing to a mount does not stay',
    dockerfile: [
      'FROM base',
      'RUN --mount=target=/ctx,rw echo new > /ctx/a && cat /ctx/a > /f',
      'RUN --mount=target=/ctx cat /ctx/a > /g',
    ],
    files: { a: 'old\n' },
  },
  {
    name: 'a stage as a mount',
    dockerfile: [
      'FROM base AS one',
      'RUN mkdir /out && echo 1 > /out/f',
      'FROM base',
      'RUN --mount=from=one,source=/out,target=/in cp /in/f /f',
    ],
  },
  {
    name: 'an image as a mount',
    dockerfile: ['FROM base', 'RUN --mount=from=rich,target=/in ls -d /in/srv/work > /f'],
  },
  {
    name: 'tmpfs',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=tmpfs,target=/tmp touch /tmp/x && ls /tmp > /f',
      'RUN ls /tmp > /g',
    ],
  },
  {
    name: 'a mount on a folder with content',
    dockerfile: ['FROM base', 'RUN --mount=type=tmpfs,target=/srv ls /srv > /f', 'RUN ls /srv > /g'],
  },
  {
    name: 'a mount on a relative path',
    dockerfile: ['FROM base', 'WORKDIR /srv', 'RUN --mount=type=tmpfs,target=folder ls folder > /f; ls > /g'],
  },
  {
    name: 'a cache that lives from one run to the next',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=cache,target=/srv/folder,id=parity-live echo 1 > /srv/folder/kept',
      'RUN --mount=type=cache,target=/srv/folder,id=parity-live cat /srv/folder/kept > /f; ls -a /srv/folder >> /f',
    ],
  },
  {
    name: 'a cache with owner and mode',
    dockerfile: [
      'FROM base',
      'USER app',
      'RUN --mount=type=cache,target=/srv/folder,id=parity-owned,uid=1000,gid=50,mode=0750 stat -c "%a %u:%g" /srv/folder > /tmp/f && touch /srv/folder/x',
    ],
  },
  {
    name: 'a cache without owner and mode',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=cache,target=/srv/folder,id=parity-plain stat -c "%a %u:%g" /srv/folder > /f',
    ],
  },
  {
    name: 'a cache that starts from a stage',
    dockerfile: [
      'FROM base AS seed',
      'RUN mkdir /seed && echo seed > /seed/f',
      'FROM base',
      'RUN --mount=type=cache,target=/srv/folder,id=parity-seed,from=seed,source=/seed cat /srv/folder/f > /f',
    ],
  },
  {
    name: 'a cache is read-only when it says so',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=cache,target=/srv/folder,id=parity-ro,ro touch /srv/folder/x 2>/dev/null || echo no > /f',
    ],
  },
  {
    name: 'a secret as a file',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=secret,id=token cat /run/secrets/token > /f; stat -c "%a %u:%g" /run/secrets/token >> /f',
    ],
    outside: { token: 'a secret word\n' },
    args: ['--secret', 'id=token,src=token'],
  },
  {
    name: 'a secret elsewhere, with owner and mode',
    dockerfile: [
      'FROM base',
      'USER app',
      'RUN --mount=type=secret,id=token,target=/home/app/token,uid=1000,gid=1001,mode=0440 stat -c "%a %u:%g" /home/app/token > /tmp/f; cat /home/app/token >> /tmp/f',
    ],
    outside: { token: 'a secret word\n' },
    args: ['--secret', 'id=token,src=token'],
  },
  {
    name: 'a secret that was not given',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=secret,id=nowhere [ ! -e /run/secrets/nowhere ] && echo none > /f',
    ],
  },
  {
    name: 'several mounts',
    dockerfile: [
      'FROM base',
      'RUN --mount=target=/ctx --mount=type=tmpfs,target=/srv --mount=type=secret,id=token,target=/token cat /ctx/a /token > /f; ls /srv >> /f',
    ],
    files: { a: 'a\n' },
    outside: { token: 't\n' },
    args: ['--secret', 'id=token,src=token'],
  },
  {
    name: 'a mount with the words that also mean target and source',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=bind,src=sub,dst=/ctx ls /ctx > /f',
      'RUN --mount=type=bind,source=sub,destination=/ctx,readonly ls /ctx > /g',
    ],
    files: { 'sub/a': 'a\n' },
  },
  {
    name: 'a mount and the exec form',
    dockerfile: ['FROM base', 'RUN --mount=target=/ctx ["cp", "/ctx/a", "/f"]'],
    files: { a: 'a\n' },
  },
  {
    name: 'an ignored file is not in the mount',
    dockerfile: ['FROM base', 'RUN --mount=target=/ctx ls /ctx > /f'],
    files: { a: 'a\n', b: 'b\n', '.dockerignore': 'b\n' },
  },
  {
    name: 'a secret as a variable',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=secret,id=token,env=TOKEN echo "[$TOKEN]" > /f; ls /run/secrets > /g',
    ],
    outside: { token: 'word' },
    args: ['--secret', 'id=token,src=token'],
    reference: 'env came with frontend 1.10',
    expect: {
      tree: { f: 'file 644 0:0 "[word]\\n"', g: 'file 644 0:0 ""' },
    },
  },
  {
    name: 'a folder that only a mount needs does not stay',
    dockerfile: [
      'FROM base',
      'RUN --mount=type=tmpfs,target=/made/deep touch /made/deep/x',
      'RUN --mount=target=/new --mount=type=secret,id=token,target=/also/new/token true',
    ],
    outside: { token: 'word' },
    args: ['--secret', 'id=token,src=token'],
    reference:
      'mount points stay in the image with this dockerd; BuildKit 0.9 and later remove those that a run left as they were',
    expect: { tree: {} },
  },
];
