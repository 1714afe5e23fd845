// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
/** What a Dockerfile's plan is: which steps there are, what each starts from, takes and sees. */
import { expect, test } from 'vitest';
import { loadDockerfile } from '../../../../src/frontends/dockerfile/index.ts';
import type { DockerfileOptions } from '../../../../src/frontends/dockerfile/request.ts';
import type { PlanRequest } from '../../../../src/frontends/request.ts';
import type { CopyOp, Plan, Platform, RunOp, Step } from '../../../../src/plan/index.ts';

interface Asked extends Partial<Omit<DockerfileOptions, 'text'>> {
  target?: string;
  noCacheFilter?: string[];
  warnings?: string[];
}

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

/** Images that are there have a variable and triggers of their own. */
function planOf(lines: readonly string[], asked: Asked = {}): Promise<Plan> {
  const { target, noCacheFilter, warnings, ...options } = asked;
  const dockerfile: DockerfileOptions = {
    text: Buffer.from(`${lines.join('\n')}\n`),
    context: { type: 'folder', path: '/nowhere/context' },
    buildArgs: {},
    contexts: {},
    cwd: '/nowhere',
    allow: [],
    hosts: [],
    ulimits: [],
    ...options,
  };
  const request: PlanRequest & { dockerfile: DockerfileOptions } = {
    path: '-',
    set: {},
    dockerfile,
    evaluate: () => Promise.reject(new Error('nothing has to be fetched')),
    hostIdentity: () => ({}),
    resolveImage: async (source) => {
      if (source.type !== 'image') return undefined;
      const triggers = source.reference === 'triggers' ? { OnBuild: ['RUN triggered'] } : {};
      return {
        config: { Env: ['FROM_BASE=1'], ...triggers },
        platform: source.platform ?? amd64,
        author: 'A',
      };
    },
    onWarning: ({ code }) => warnings?.push(code),
    ...(target !== undefined && { target }),
    ...(noCacheFilter !== undefined && { noCacheFilter }),
  };
  return loadDockerfile(request);
}

const titles = ({ steps }: Plan) => steps.map(({ stage, title }) => `${stage}: ${title}`);
const step = ({ steps }: Plan, title: string) => steps.find((one) => one.title.startsWith(title)) as Step;
const run = (plan: Plan, title: string) => step(plan, title).op as RunOp;
const copy = (plan: Plan, title: string) => step(plan, title).op as CopyOp;

test('only stages that the target needs are planned, each after what it needs', async () => {
  const file = [
    'FROM base AS one',
    'RUN one',
    'FROM base AS unneeded',
    'RUN unneeded',
    'FROM one AS two',
    'COPY --from=0 /a /b',
    'FROM two',
    'RUN last',
  ];
  expect(titles(await planOf(file))).toEqual([
    ...['one: FROM base', 'one: RUN one', 'two: COPY --from=0 /a /b', 'stage-3: RUN last'],
  ]);
  expect(titles(await planOf(file, { target: 'UNNEEDED' }))).toEqual([
    'unneeded: FROM base',
    'unneeded: RUN unneeded',
  ]);
  const plan = await planOf(file);
  const places = new Map(plan.steps.map(({ id }, index) => [id, index]));
  for (const { id, base } of plan.steps)
    if (base !== undefined) expect(places.get(base)).toBeLessThan(places.get(id) as number);
});

test('a RUN sees the variables of the image, of ENV, and of ARGs that were declared before it', async () => {
  const plan = await planOf(
    ['ARG V=1', 'FROM base', 'RUN first', 'ARG V', 'ARG TARGETARCH', 'ENV E=$V', 'RUN second', 'ARG LATE=x'],
    { buildArgs: { V: '2', HTTP_PROXY: 'http://p' } },
  );
  const path = { PATH: expect.any(String) as string };
  expect(run(plan, 'RUN first').env).toEqual({ FROM_BASE: '1', ...path });
  expect(run(plan, 'RUN second').env).toEqual({
    FROM_BASE: '1',
    V: '2',
    TARGETARCH: 'amd64',
    E: '2',
    ...path,
  });
  // They reach the command, and no key.
  expect(run(plan, 'RUN second').hiddenEnv).toEqual({ http_proxy: 'http://p', HTTP_PROXY: 'http://p' });
  expect(plan.image.config.Env).toEqual(['FROM_BASE=1', expect.stringMatching(/^PATH=/), 'E=2']);
});

test('triggers of the base run first; what it says of its author stays until another is named', async () => {
  const plan = await planOf(['FROM triggers', 'RUN own']);
  expect(titles(plan)).toEqual(['stage-0: FROM triggers', 'stage-0: RUN triggered', 'stage-0: RUN own']);
  expect(plan.image.config.OnBuild).toBeUndefined();
  expect(plan.image.author).toBe('A');
  expect((await planOf(['FROM base', 'MAINTAINER B'])).image.author).toBe('B');
});

test('steps of the stages that --no-cache-filter names are forced, and no others', async () => {
  const file = ['FROM base AS one', 'RUN a', 'FROM base AS two', 'COPY --from=one /x /', 'RUN b'];
  const plan = await planOf(file, { noCacheFilter: ['ONE'] });
  expect(plan.steps.filter(({ noCache }) => noCache).map(({ title }) => title)).toEqual(['RUN a']);
});

test('a linked copy has no base, and is laid over that of its stage', async () => {
  const plan = await planOf(['FROM base', 'COPY --link a /b', 'COPY c /d']);
  const [from, files, link, last] = plan.steps as [Step, Step, Step, Step];
  expect(files).toMatchObject({ op: { type: 'copy' } });
  expect(files.base).toBeUndefined();
  expect(link).toMatchObject({ base: from.id, op: { type: 'link', step: files.id }, internal: true });
  expect(last.base).toBe(link.id);
  expect(plan.image.history?.map((line) => line.step)).toEqual([link.id, last.id]);
});

test('several platforms are one plan: equal steps once, others with their platform', async () => {
  const file = [
    'FROM --platform=$BUILDPLATFORM base AS tool',
    'RUN tool',
    'FROM base',
    'ARG TARGETARCH',
    'COPY --from=tool /t-$TARGETARCH /t',
    'COPY --from=other /o /o',
    'RUN last',
  ];
  const plan = await planOf(file, { platforms: [amd64, arm64] });
  expect(titles(plan)).toEqual([
    ...['stage-1: FROM base', 'tool: RUN tool'],
    ...['stage-1 (linux/amd64): COPY --from=tool /t-$TARGETARCH /t', 'stage-1 (linux/amd64): FROM other'],
    ...['stage-1 (linux/amd64): COPY --from=other /o /o', 'stage-1 (linux/amd64): RUN last'],
    ...['stage-1 (linux/arm64): FROM base'],
    ...['stage-1 (linux/arm64): COPY --from=tool /t-$TARGETARCH /t', 'stage-1 (linux/arm64): FROM other'],
    ...['stage-1 (linux/arm64): COPY --from=other /o /o', 'stage-1 (linux/arm64): RUN last'],
  ]);
  expect(new Set(plan.steps.map(({ id }) => id)).size).toBe(plan.steps.length);
  expect(
    [plan.image, ...(plan.others ?? []).map(({ image }) => image)].map(({ platform }) => platform),
  ).toEqual([amd64, arm64]);
  const foreign = plan.steps.filter(({ op }) => op.type === 'run' && op.platform);
  expect(foreign.map(({ stage }) => stage)).toEqual(['stage-1 (linux/arm64)']);
  const known = new Set(plan.steps.map(({ id }) => id));
  for (const { base } of plan.steps) if (base !== undefined) expect(known).toContain(base);
  for (const { result } of plan.others ?? []) expect(known).toContain(result);
});

test('the platform that is asked for is that of images, in FROM and in --from', async () => {
  const platformsOf = ({ steps }: Plan) =>
    steps.flatMap(({ op }) =>
      op.type === 'source' ? [(op.source as { platform?: Platform }).platform] : [],
    );
  const file = [
    'FROM base AS one',
    'FROM --platform=linux/arm/v7 base',
    'COPY --from=other /a /',
    'COPY --from=one / /o',
  ];
  const warnings: string[] = [];
  expect(platformsOf(await planOf(file, { warnings }))).toEqual([
    { os: 'linux', architecture: 'arm', variant: 'v7' },
    undefined,
    undefined,
  ]);
  expect(platformsOf(await planOf(file, { platforms: [arm64] }))).toEqual([
    { os: 'linux', architecture: 'arm', variant: 'v7' },
    arm64,
    arm64,
  ]);
  expect(warnings).toContain('FromPlatformFlagConstDisallowed');
});

test('a script says where it stands and who reads it', async () => {
  const plan = await planOf([
    'FROM base',
    'RUN <<E',
    'a',
    'E',
    'RUN <<F',
    '#!/usr/bin/python3',
    'F',
    'RUN bash -e <<G',
    'c',
    'G',
    'RUN <<H cat <<I',
    'd',
    'H',
    'e',
    'I',
    'RUN d',
  ]);
  const scripts = plan.steps.filter(({ op }) => op.type === 'run').map(({ script }) => script);
  expect(scripts).toEqual([
    { text: 'a\n', line: 3, reader: '/bin/sh' },
    { text: '#!/usr/bin/python3\n', line: 6, reader: '/dev/pipes/F' },
    { text: 'c\n', line: 9, reader: 'stdin' },
    undefined,
    undefined,
  ]);
});

test('mounts: what a stage has, what the context has, and nothing of a secret', async () => {
  const plan = await planOf([
    'FROM base AS tool',
    'FROM base',
    'WORKDIR /w',
    'RUN --mount=from=tool,source=/bin,target=t --mount=target=/c,source=sub,rw ' +
      '--mount=type=secret,id=s,env=S --mount=type=cache,target=/k,id=${NO:-i},sharing=locked x',
  ]);
  const [tool, context] = [step(plan, 'FROM base'), step(plan, 'context for mounts: /sub')];
  expect(copy(plan, 'context for mounts').copies).toMatchObject([{ paths: ['sub'], dest: '/sub' }]);
  expect(run(plan, 'RUN').mounts).toMatchObject([
    { type: 'step', step: tool.id, path: '/bin', target: '/w/t' },
    { type: 'step', step: context.id, path: '/sub', target: '/c', writable: true },
    { type: 'secret', id: 's', env: 'S', required: false },
    { type: 'cache', id: 'i', target: '/k', sharing: 'locked', readOnly: false },
  ]);
});
