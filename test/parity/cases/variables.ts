// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/** ARG, ENV and where variables are replaced. */
import type { Case } from '../support/case.ts';

export const variableCases: readonly Case[] = [
  {
    name: 'both forms of ENV',
    dockerfile: ['FROM base', 'ENV A=1 B="two words" C=three\\ words', 'ENV D several words "quoted" $A'],
  },
  {
    name: 'ENV uses the values of before its line',
    dockerfile: ['FROM base', 'ENV abc=hello', 'ENV abc=bye def=$abc', 'ENV ghi=$abc'],
    expect: { config: { Env: envOf('abc=bye', 'def=hello', 'ghi=bye') } },
  },
  { name: 'ENV keeps its place when set again', dockerfile: ['FROM base', 'ENV A=1 B=2', 'ENV A=3 C=$B'] },
  {
    name: 'ENV that adds to PATH',
    dockerfile: ['FROM base', 'ENV PATH=/opt/bin:$PATH', 'RUN echo $PATH > /f'],
  },
  { name: 'an empty value', dockerfile: ['FROM base', 'ENV A= B="" C=', 'RUN env | grep -E "^[ABC]=" > /f'] },
  { name: 'single quotes keep a dollar', dockerfile: ['FROM base', 'ENV A=1 B=\'$A\' C="$A" D=\\$A'] },
  { name: 'backslashes in values', dockerfile: ['FROM base', 'ENV A=a\\\\b B="a\\b" C="a\\"b" D=\'a\\b\''] },
  { name: 'braces', dockerfile: ['FROM base', 'ENV A=1', 'ENV B=${A}x C=$Ax D=${Ax}y'] },
  {
    name: 'defaults and alternatives',
    dockerfile: [
      'FROM base',
      'ENV FULL=1 EMPTY=',
      'ENV A=${NONE:-d} B=${EMPTY:-d} C=${FULL:-d}',
      'ENV D=${NONE:+a} E=${EMPTY:+a} F=${FULL:+a}',
      'ENV G=${NONE:-${FULL}} H="${NONE:-a b}"',
    ],
  },
  { name: 'an unset variable is nothing', dockerfile: ['FROM base', 'ENV A=x${NONE}y B=$NONE'] },
  { name: 'a dollar that names nothing', dockerfile: ['FROM base', 'ENV A="cost 5$" B=$$ C="$-x"'] },
  { name: 'variables in keys', dockerfile: ['FROM base', 'ENV K=name', 'ENV ${K}_x=1', 'LABEL $K=2'] },
  {
    name: 'an argument hides behind ENV',
    dockerfile: ['FROM base', 'ARG V=arg', 'ENV V=env', 'RUN echo $V > /f'],
    args: ['--build-arg', 'V=given'],
    expect: { tree: { f: 'file 644 0:0 "env\\n"' } },
  },
  {
    name: 'an argument after ENV wins in runs',
    dockerfile: ['FROM base', 'ENV V=env', 'ARG V=arg', 'RUN echo $V > /f', 'ENV W=$V'],
  },
  {
    name: 'ENV keeps an argument',
    dockerfile: ['FROM base', 'ARG V=1', 'ENV KEPT=${V:-none}'],
    args: ['--build-arg', 'V=2'],
  },
  {
    name: 'an argument without a value',
    dockerfile: ['FROM base', 'ARG V', 'RUN echo "[${V-unset}]" > /f', 'ENV W=[$V]'],
  },
  {
    name: 'an argument given as empty',
    dockerfile: ['FROM base', 'ARG V=default', 'RUN echo "[$V]" > /f', 'ENV W=${V:-other}'],
    args: ['--build-arg', 'V='],
  },
  {
    name: 'several arguments on a line',
    dockerfile: ['FROM base', 'ARG A=1 B="2 2" C', 'RUN echo "$A $B $C" > /f'],
    args: ['--build-arg', 'C=3'],
  },
  {
    name: 'a default that uses an argument',
    dockerfile: ['FROM base', 'ARG A=1', 'ARG B=${A}${A}', 'RUN echo $B > /f'],
    args: ['--build-arg', 'A=2'],
  },
  {
    name: 'arguments hold from their line on',
    dockerfile: ['FROM base', 'RUN echo "[$V]" > /before', 'ARG V=1', 'RUN echo "[$V]" > /after'],
  },
  {
    name: 'an argument declared twice',
    dockerfile: ['FROM base', 'ARG V=1', 'RUN echo $V > /one', 'ARG V=2', 'RUN echo $V > /two'],
    historyNow: ['- ARG V=2', 'RUN |1 V=2 /bin/sh -c echo $V > /two # buildkit'],
  },
  {
    name: 'arguments stand in the history of runs',
    dockerfile: ['FROM base', 'ARG A=1', 'ARG B', 'RUN true'],
  },
  {
    name: 'the history of arguments',
    dockerfile: [
      'ARG G=g',
      'FROM base AS one',
      'ARG G',
      'ARG A=1 B C=$G',
      'RUN echo >> /f',
      'FROM one',
      'ARG A=2',
      'RUN echo >> /f',
    ],
    args: ['--build-arg', 'B=given'],
    historyNow: [
      '- ARG G=g',
      '- ARG A=1 B=given C=g',
      'RUN |4 G=g A=1 B=given C=g /bin/sh -c echo >> /f # buildkit',
      '- ARG A=2',
      'RUN |4 G=g A=2 B=given C=g /bin/sh -c echo >> /f # buildkit',
    ],
  },
  {
    name: 'variables in every instruction that has them',
    dockerfile: [
      'FROM base',
      'ENV D=dir U=app N=80 F=a',
      'WORKDIR /$D',
      'COPY $F ${D}/$F',
      'ADD ${F} /added/',
      'USER $U',
      'EXPOSE $N ${N}80/udp',
      'VOLUME /$D /x$D',
      'LABEL l=$D',
      'STOPSIGNAL ${S:-15}',
      'COPY --chown=$U:$U $F /owned',
    ],
    files: { a: 'a\n' },
  },
  {
    name: 'no variables in CMD, ENTRYPOINT and RUN',
    dockerfile: ['FROM base', 'ENV A=1', 'RUN ["echo", "$A"]', 'ENTRYPOINT ["$A"]', 'CMD echo $A ${NONE:-x}'],
  },
  { name: 'a name with digits and underscores', dockerfile: ['FROM base', 'ENV _a1=x', 'ENV B=$_a1-${_a1}'] },
  { name: 'positional and special names', dockerfile: ['FROM base', 'ENV A=$1 B=$@ C=$0x D=$?'] },
  { name: 'a tilde and a glob stay', dockerfile: ['FROM base', 'ENV A=~/x B=*.c'] },
  {
    name: 'ENV with tabs and many spaces',
    dockerfile: ['FROM base', 'ENV   A=1 \t B=2', 'ENV\tC   x  y\t z  '],
  },
  {
    name: 'ENV over several lines',
    dockerfile: ['FROM base', 'ENV A=1 \\', '    B=2 \\', '    # no', '    C="3 \\', 'x"'],
  },
];

function envOf(...own: string[]): string[] {
  return ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...own];
}
