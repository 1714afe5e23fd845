/** What both builders refuse, or fail at. */
import type { Case } from '../support/case.ts';

const bad = (name: string, lines: readonly string[], fails: RegExp, more: Partial<Case> = {}): Case => ({
  name,
  dockerfile: lines,
  fails,
  files: { a: 'a\n', b: 'b\n', 'dir/f': 'f\n' },
  ...more,
});

export const rejectCases: readonly Case[] = [
  bad('a run that fails', ['FROM base', 'RUN exit 7'], /7/),
  bad('a command that is not there', ['FROM base', 'RUN ["/no/such/program"]'], /such/),
  bad('a file that is not there', ['FROM base', 'COPY missing /d/'], /missing/),
  bad(
    'a file of a stage that is not there',
    ['FROM base AS one', 'FROM base', 'COPY --from=one /missing /d/'],
    /missing/,
  ),
  bad('a file as folder to work in', ['FROM base', 'WORKDIR /srv/old'], /srv\/old/),
  bad('a label without a value', ['FROM base', 'LABEL a'], /LABEL/),
  bad(
    'a health check that is too quick',
    ['FROM base', 'HEALTHCHECK --interval=900us CMD a'],
    /interval|1ms/i,
  ),
  bad('a list with a number', ['FROM base', 'CMD ["a", 1]'], /CMD|string/),
  bad(
    'a folder over a link to a folder',
    ['FROM base', 'RUN mkdir -p /real /d && ln -s /real /d/sub', 'COPY . /d'],
    /d\/sub/,
    { files: { 'sub/f': 'f\n' } },
  ),
  bad('a folder over a file', ['FROM base', 'COPY dir /srv/old'], /srv\/old/),
  bad('a path through a file', ['FROM base', 'COPY a /srv/old/x'], /srv\/old/),
  bad('a mode that is none', ['FROM base', 'COPY --chmod=89a a /d'], /89a/, {
    reference: 'this dockerd passes over modes that it cannot read',
  }),
  bad('a mode that is too big', ['FROM base', 'COPY --chmod=10000 a /d'], /10000/, {
    reference: 'this dockerd passes over modes that it cannot read',
  }),
  bad('a run of a user that is not there', ['FROM base', 'USER ghost', 'RUN true'], /ghost/),
  bad(
    'a variable in COPY --from',
    ['FROM base AS one', 'FROM base', 'ARG S=one', 'COPY --from=$S /etc /d'],
    /from/i,
  ),
  bad(
    'a later stage in COPY --from',
    ['FROM base AS one', 'COPY --from=two /x /x', 'FROM base AS two', 'RUN touch /x'],
    /two/,
    {
      args: ['--target', 'one'],
    },
  ),
  bad('a stage number that is too big', ['FROM base', 'COPY --from=3 /x /x'], /3/),
  bad('a signal that is none', ['FROM base', 'STOPSIGNAL SIGNONE'], /SIGNONE/),
  bad('a port that is none', ['FROM base', 'EXPOSE http'], /http/),
  bad('a platform that is none', ['FROM --platform=no/such/thing/here base', 'RUN true'], /platform/i),
  bad('a command before FROM', ['RUN true', 'FROM base'], /FROM/),
  bad('ENV without a value', ['FROM base', 'ENV A'], /ENV/),
  bad('ENV with an empty name', ['FROM base', 'ENV =x'], /ENV|name/i),
  bad('ENV with a brace left open', ['FROM base', 'ENV A=${B'], /\$\{B|brace|}/),
  bad('a health check of several kinds', ['FROM base', 'HEALTHCHECK NONE x'], /HEALTHCHECK/),
  bad('a shell that is no list', ['FROM base', 'SHELL sh -c'], /SHELL/),
  bad('triggers within triggers', ['FROM base', 'ONBUILD ONBUILD RUN true'], /ONBUILD/),
  bad('FROM as a trigger', ['FROM base', 'ONBUILD FROM base'], /ONBUILD/),
  bad(
    'a secret that must be given',
    ['FROM base', 'RUN --mount=type=secret,id=must,required=true true'],
    /must/,
  ),
  bad('a mount on the root', ['FROM base', 'RUN --mount=type=tmpfs,target=/ true'], /target/),
  bad('a mount of a type that is none', ['FROM base', 'RUN --mount=type=disk,target=/x true'], /disk/),
  bad('an archive whose members leave', ['FROM base', 'ADD a.tar /d/'], /a\.tar|\.\./, {
    reference: 'dockerd puts them into the destination; what tries to leave is refused here',
    files: { 'a.tar': { tar: { f: 'f\n' }, rename: 's,^\\./f$,../../../evil,' } },
  }),
  bad('a port that nobody listens on', ['FROM base', 'ADD http://127.0.0.1:1/file /d/'], /127\.0\.0\.1/),
  bad('a URL that is not there', ['FROM base', 'ADD http://127.0.0.1:64999/missing /d/'], /404/),
];
