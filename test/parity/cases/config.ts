// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/** Instructions that change the image's configuration only. */
import type { Case } from '../support/case.ts';

const sets = (name: string, ...lines: string[]): Case => ({ name, dockerfile: ['FROM base', ...lines] });

export const configCases: readonly Case[] = [
  sets('CMD as a list', 'CMD ["a", "b c", "\\"d\\""]'),
  sets('CMD as a command', 'CMD echo "a  b" $HOME'),
  sets('CMD without words', 'CMD []'),
  sets('two CMDs', 'CMD ["one"]', 'CMD ["two"]'),
  sets('ENTRYPOINT as a list', 'ENTRYPOINT ["a", "b"]', 'CMD ["c"]'),
  sets('ENTRYPOINT as a command', 'ENTRYPOINT exec a b'),
  sets('ENTRYPOINT without words', 'ENTRYPOINT []'),
  { name: 'ENTRYPOINT takes the CMD of the base away', dockerfile: ['FROM rich', 'ENTRYPOINT ["/new"]'] },
  {
    name: 'ENTRYPOINT leaves a CMD of its own',
    dockerfile: ['FROM rich', 'CMD ["mine"]', 'ENTRYPOINT ["/new"]'],
  },
  { name: 'CMD leaves the ENTRYPOINT of the base', dockerfile: ['FROM rich', 'CMD ["mine"]'] },
  {
    name: 'ENTRYPOINT takes the CMD of a stage away',
    dockerfile: ['FROM base AS one', 'CMD ["one"]', 'FROM one', 'ENTRYPOINT ["/new"]'],
  },
  sets('SHELL holds for CMD and ENTRYPOINT', 'SHELL ["/bin/ash", "-c"]', 'CMD a', 'ENTRYPOINT b'),
  sets('labels', 'LABEL a=1 "b c"="d e" f=\'g h\'', 'LABEL i="j\\', 'k"', 'LABEL l m n'),
  sets('labels with variables', 'ENV V=v', 'LABEL a=$V b="${V}x" c=\'$V\' d=${NONE:-e}'),
  sets('a label set again', 'LABEL a=1', 'LABEL a=2'),
  sets('labels with odd characters', 'LABEL a="=" b="ü \\\\ \\"" com.example.x-y_z=1'),
  sets('ports', 'EXPOSE 80', 'EXPOSE 53/udp 80 8000-8002', 'EXPOSE 9000-9001/udp'),
  { ...sets('ports in capitals', 'EXPOSE 81/TCP 82/UDP') },
  {
    ...sets('the history of ports', 'EXPOSE 80/udp 443 53-54'),
    historyNow: ['- EXPOSE [443/tcp 53/tcp 54/tcp 80/udp]'],
  },
  sets('volumes', 'VOLUME /a', 'VOLUME /b /c', 'VOLUME ["/d", "/e f"]'),
  {
    name: 'a run after VOLUME stays',
    dockerfile: ['FROM base', 'RUN mkdir /v', 'VOLUME /v', 'RUN echo 1 > /v/f'],
  },
  sets('users one after the other', 'USER app', 'USER 5:6'),
  sets('a user of two words', 'USER a b'),
  sets('a user that is not there', 'USER nobody-here'),
  sets('stop signals', 'STOPSIGNAL SIGQUIT'),
  sets('a stop signal by number', 'STOPSIGNAL 9'),
  sets('a stop signal without SIG', 'STOPSIGNAL term'),
  sets('a stop signal of real time', 'STOPSIGNAL RTMIN+3'),
  { name: 'CMD as a command in the shell of the base', dockerfile: ['FROM rich', 'CMD echo x'] },
  sets('a health check as a list', 'HEALTHCHECK CMD ["true", "a b"]'),
  {
    ...sets(
      'a health check with all flags',
      'HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=2h --retries=4 CMD a b',
    ),
  },
  {
    ...sets(
      'the history of health checks',
      'HEALTHCHECK --interval=90s --retries=3 CMD a b',
      'HEALTHCHECK NONE',
    ),
    historyNow: [
      '- HEALTHCHECK {Test:[CMD-SHELL a b] Interval:1m30s Timeout:0s StartPeriod:0s StartInterval:0s Retries:3}',
      '- HEALTHCHECK {Test:[NONE] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:0}',
    ],
  },
  sets('no health check', 'HEALTHCHECK NONE'),
  sets('two health checks', 'HEALTHCHECK CMD a', 'HEALTHCHECK --retries=1 CMD b'),
  sets('a maintainer', 'MAINTAINER Some One <some@one>'),
  sets('ONBUILD is kept', 'ONBUILD RUN echo "a  b" $X', 'ONBUILD   COPY  a   b', 'ONBUILD env A=1'),
  sets('folders to work in', 'WORKDIR /a', 'WORKDIR b/'),
  sets('a shell', 'SHELL ["/bin/ash", "-o", "pipefail", "-c"]'),
  sets('only settings', 'ENV A=1', 'CMD ["x"]', 'EXPOSE 1'),
  {
    ...sets('a health check without retries', 'HEALTHCHECK --retries=0 CMD a'),
    reference: 'this dockerd wants one at least',
    expect: { config: { Healthcheck: { Test: ['CMD-SHELL', 'a'] } } },
  },
  {
    name: 'a health check with a start interval',
    dockerfile: ['FROM base', 'HEALTHCHECK --start-interval=250ms CMD a'],
    reference: '--start-interval came with frontend 1.8',
    expect: { config: { Healthcheck: { Test: ['CMD-SHELL', 'a'], StartInterval: 250_000_000 } } },
  },
];
