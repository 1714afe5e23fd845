/** ONBUILD: what a base does to the builds on it. */
import type { Case } from '../support/case.ts';

export const triggerCases: readonly Case[] = [
  {
    name: 'the triggers of an image',
    dockerfile: ['FROM triggers', 'RUN ls > list'],
    files: { 'app.txt': 'app\n' },
    base: 'triggers',
  },
  {
    name: 'the triggers of an image, with an argument',
    dockerfile: ['FROM triggers', 'ENV X=1'],
    files: { 'app.txt': 'app\n' },
    args: ['--build-arg', 'WHO=me'],
  },
  {
    name: 'triggers run before the rest',
    dockerfile: ['FROM triggers', 'RUN rm /app/who; echo $TRIGGERED > after'],
    files: { 'app.txt': 'app\n' },
  },
  {
    name: 'triggers of an image run once',
    dockerfile: ['FROM triggers AS one', 'RUN echo x >> /app/who', 'FROM one', 'RUN cat /app/who > /f'],
    files: { 'app.txt': 'app\n' },
    historyNow: ['RUN |1 WHO=nobody /bin/sh -c cat /app/who > /f # buildkit'],
  },
  {
    name: 'the triggers of a stage',
    dockerfile: ['FROM base AS one', 'ONBUILD RUN echo triggered > /f', 'FROM one', 'RUN cat /f > /g'],
  },
  {
    name: 'the triggers of a stage do not reach the next but one',
    dockerfile: [
      'FROM base AS one',
      'ONBUILD RUN echo x >> /f',
      'FROM one AS two',
      'FROM two',
      'RUN cat /f > /g',
    ],
  },
  {
    name: 'a trigger that copies from a stage',
    reference: 'this dockerd does not build the stage that only a trigger needs',
    expect: { tree: { copied: 'file 644 0:0 "d\\n"', g: 'file 644 0:0 "d\\n"' } },
    dockerfile: [
      'FROM base AS data',
      'RUN echo d > /d',
      'FROM base AS one',
      'ONBUILD COPY --from=data /d /copied',
      'FROM one',
      'RUN cat /copied > /g',
    ],
  },
  {
    name: 'a trigger that sets what the image has',
    dockerfile: [
      'FROM base AS one',
      'ONBUILD USER app',
      'ONBUILD CMD ["x"]',
      'ONBUILD EXPOSE 1',
      'FROM one',
      'RUN id -un > /tmp/f',
    ],
  },
];
