// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/** FROM: bases, stages, targets, platforms, and which arguments hold where. */
import type { Case } from '../support/case.ts';

export const fromCases: readonly Case[] = [
  { name: 'a base and a run', dockerfile: ['FROM base', 'RUN echo hi > /greeting'] },
  {
    name: 'scratch with one file',
    dockerfile: ['FROM scratch', 'COPY a /'],
    files: { a: 'a\n' },
    base: 'scratch',
    expect: { tree: { a: 'file 644 0:0 "a\\n"' } },
  },
  {
    name: 'scratch with settings only',
    dockerfile: ['FROM scratch', 'COPY a /', 'LABEL a=b', 'ENV K=v', 'CMD ["/a"]'],
    files: { a: 'a\n' },
  },
  {
    name: 'a file of another stage',
    dockerfile: ['FROM base AS build', 'RUN echo made > /made', 'FROM base', 'COPY --from=build /made /got'],
    expect: { tree: { got: 'file 644 0:0 "made\\n"' } },
  },
  {
    name: 'a file of another stage by its number',
    dockerfile: ['FROM base', 'RUN echo made > /made', 'FROM scratch', 'COPY --from=0 made /'],
  },
  {
    name: 'stage names without regard to case',
    dockerfile: ['FROM base AS Build', 'RUN echo made > /made', 'FROM base', 'COPY --from=BUILD /made /'],
  },
  {
    name: 'a stage on a stage, with its settings',
    dockerfile: [
      'FROM base AS one',
      'ENV A=1',
      'WORKDIR /one',
      'RUN echo one > file',
      'FROM one',
      'RUN echo "$A" > two',
    ],
  },
  {
    name: 'a stage that has the name of an image',
    dockerfile: ['FROM base AS base', 'RUN echo mine > /mine', 'FROM base', 'RUN cat /mine > /copy'],
  },
  {
    name: 'two stages of one name',
    dockerfile: [
      'FROM base AS a',
      'RUN echo 1 > /f',
      'FROM base AS a',
      'RUN echo 2 > /f',
      'FROM a',
      'ENV X=1',
    ],
  },
  { name: 'lower case keywords', dockerfile: ['from base as one', 'run echo 1 > /f', 'from one', 'env a=b'] },
  {
    name: 'a target by name',
    dockerfile: ['FROM base AS one', 'RUN echo 1 > /f', 'FROM base AS two', 'RUN exit 1'],
    args: ['--target', 'one'],
  },
  {
    name: 'a target in another case',
    dockerfile: ['FROM base AS one', 'RUN echo 1 > /f', 'FROM base AS two', 'RUN exit 1'],
    args: ['--target', 'ONE'],
  },
  {
    name: 'a stage that nobody needs',
    dockerfile: ['FROM base AS broken', 'RUN exit 1', 'FROM base', 'RUN echo fine > /f'],
  },
  {
    name: 'an argument that names the base',
    dockerfile: ['ARG BASE=base', 'FROM ${BASE}:latest', 'RUN echo 1 > /f'],
  },
  {
    name: 'an argument of the command line that names the base',
    dockerfile: ['ARG BASE=nothing', 'FROM $BASE', 'RUN echo 1 > /f'],
    args: ['--build-arg', 'BASE=base'],
  },
  { name: 'a base with a default', dockerfile: ['FROM ${BASE:-base}', 'RUN echo 1 > /f'] },
  {
    name: 'arguments before FROM that use each other',
    dockerfile: [
      'ARG NAME=ba',
      'ARG BASE=${NAME}se',
      'FROM $BASE',
      'ARG BASE',
      'RUN echo "$BASE/$NAME" > /f',
    ],
    expect: { tree: { f: 'file 644 0:0 "base/\\n"' } },
  },
  {
    name: 'a stage named by an argument in FROM',
    dockerfile: [
      'ARG KIND=b',
      'FROM base AS stage-a',
      'RUN echo a > /f',
      'FROM base AS stage-b',
      'RUN echo b > /f',
      'FROM stage-${KIND}',
      'ENV done=1',
    ],
    args: ['--build-arg', 'KIND=a'],
  },
  {
    name: 'a global argument is not seen in a stage that does not ask',
    dockerfile: ['ARG V=1', 'FROM base', 'RUN echo "[$V]" > /f'],
    expect: { tree: { f: 'file 644 0:0 "[]\\n"' } },
  },
  {
    name: 'a global argument that a stage asks for',
    dockerfile: ['ARG V=1', 'FROM base', 'ARG V', 'RUN echo "[$V]" > /f'],
    expect: { tree: { f: 'file 644 0:0 "[1]\\n"' } },
  },
  {
    name: 'a default in the stage wins over the global one',
    dockerfile: ['ARG V=1', 'FROM base', 'ARG V=2', 'RUN echo "[$V]" > /f'],
  },
  {
    name: 'an argument ends with its stage',
    dockerfile: ['FROM base AS one', 'ARG V=1', 'RUN echo "[$V]" > /f', 'FROM base', 'RUN echo "[$V]" > /f'],
  },
  {
    name: 'an argument lives on in a stage on that stage',
    dockerfile: ['FROM base AS one', 'ARG V=1', 'RUN echo "[$V]" > /f', 'FROM one', 'RUN echo "[$V]" > /g'],
    historyNow: ['RUN |1 V=1 /bin/sh -c echo "[$V]" > /g # buildkit'],
  },
  { name: 'a platform as text', dockerfile: ['FROM --platform=linux/amd64 base', 'RUN echo 1 > /f'] },
  {
    name: 'platforms as arguments',
    dockerfile: [
      'FROM --platform=$BUILDPLATFORM base',
      'ARG TARGETPLATFORM',
      'ARG TARGETOS',
      'ARG TARGETARCH',
      'ARG TARGETVARIANT',
      'ARG BUILDPLATFORM',
      'ARG BUILDOS',
      'ARG BUILDARCH',
      'ARG BUILDVARIANT',
      'RUN env | grep -E "^(TARGET|BUILD)" | sort > /f',
    ],
  },
  {
    name: 'platform arguments are not seen unasked',
    dockerfile: ['FROM base', 'RUN echo "[$TARGETARCH]" > /f'],
  },
  {
    name: 'an image in COPY --from',
    dockerfile: ['FROM scratch', 'COPY --from=base /etc/passwd /etc/group /users/'],
  },
  {
    name: 'all of a stage',
    dockerfile: [
      'FROM base AS one',
      'RUN mkdir /out && echo 1 > /out/f',
      'FROM scratch',
      'COPY --from=one / /',
    ],
  },
  { name: 'settings of a base are taken over', dockerfile: ['FROM rich', 'ENV MORE=1'], base: 'rich' },
  {
    name: 'a run on a base with settings',
    dockerfile: ['FROM rich', 'USER root', 'RUN pwd > /f; id -un >> /f; echo "$GREETING $0" >> /f'],
    base: 'rich',
  },
  {
    name: 'settings of a base changed one by one',
    dockerfile: [
      'FROM rich',
      'ENV GREETING=bye',
      'LABEL one=2 three=3',
      'EXPOSE 80 443',
      'VOLUME /more',
      'USER root',
      'WORKDIR deeper',
      'STOPSIGNAL 9',
      'HEALTHCHECK NONE',
    ],
    base: 'rich',
  },
  {
    name: 'a stage on an empty stage',
    dockerfile: ['FROM scratch AS empty', 'ENV A=1', 'FROM empty', 'COPY a /'],
    files: { a: 'a\n' },
  },
  {
    name: 'a chain of six stages',
    dockerfile: [
      'FROM base AS a',
      'RUN echo a > /a',
      'FROM a AS b',
      'RUN echo b > /b',
      'FROM base AS c',
      'COPY --from=a /a /from-a',
      'FROM c AS d',
      'COPY --from=b /b /from-b',
      'FROM scratch AS e',
      'COPY --from=d /from-a /from-b /',
      'FROM e',
      'COPY --from=b /a /b /',
    ],
  },
  {
    name: 'arguments that nobody declares',
    dockerfile: ['FROM base', 'RUN echo "[$NOBODY]" > /f'],
    args: ['--build-arg', 'NOBODY=1'],
  },
  {
    name: 'proxy arguments need no ARG, and leave no trace',
    dockerfile: ['FROM base', 'RUN env | grep -i proxy | sort > /f'],
    args: ['--build-arg', 'HTTP_PROXY=http://proxy:1', '--build-arg', 'no_proxy=localhost'],
  },
  {
    name: 'labels of the command line',
    dockerfile: ['FROM base', 'LABEL a=1 b=2'],
    args: ['--label', 'b=3', '--label', 'c=4'],
  },
];
