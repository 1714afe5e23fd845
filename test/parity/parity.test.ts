/**
 * Every case is built by dockerd's BuildKit and by Cambium: the trees and the configurations must be the same. Where
 * dockerd is too old for a feature, the case carries what the reference says.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Dockerd, startDockerd } from '../support/dockerd.ts';
import { type Scratch, scratch } from '../support/scratch.ts';
import { addCases } from './cases/add.ts';
import { configCases } from './cases/config.ts';
import { copyCases } from './cases/copy.ts';
import { copyKindCases } from './cases/copy-kinds.ts';
import { fromCases } from './cases/from.ts';
import { heredocCases } from './cases/heredoc.ts';
import { ignoreCases } from './cases/ignore.ts';
import { languageCases } from './cases/language.ts';
import { mountCases } from './cases/mount.ts';
import { newerCases } from './cases/newer.ts';
import { rejectCases } from './cases/reject.ts';
import { runCases } from './cases/run.ts';
import { triggerCases } from './cases/triggers.ts';
import { variableCases } from './cases/variables.ts';
import type { ImageContent } from './support/archive.ts';
import { readArchive } from './support/archive.ts';
import {
  buildWithCambium,
  buildWithDocker,
  type Job,
  makeBases,
  type Outcome,
  stagesRunAgain,
} from './support/builders.ts';
import { type BaseName, type Case, writeCase } from './support/case.ts';
import { historyLines, imageDifferences, imageFacts, treeDifference } from './support/compare.ts';
import { serveFiles, type WebServer } from './support/server.ts';

const topics: Readonly<Record<string, readonly Case[]>> = {
  FROM: fromCases,
  variables: variableCases,
  RUN: runCases,
  mounts: mountCases,
  COPY: [...copyCases, ...copyKindCases],
  ADD: addCases,
  heredocs: heredocCases,
  'ignore files': ignoreCases,
  configuration: configCases,
  triggers: triggerCases,
  language: languageCases,
  'newer features': newerCases,
  'what both refuse': rejectCases,
};
const wanted = process.env['PARITY_ONLY'];
const all = Object.values(topics)
  .flat()
  .filter((one) => wanted === undefined || one.name.includes(wanted));
const jobs = new Map<Case, Job>();
const theirs = new Map<Case, Outcome & { image?: ImageContent }>();
let [place, docker, server, bases]: [Scratch?, Dockerd?, WebServer?, Map<BaseName, ImageContent>?] = [];

beforeAll(async () => {
  place = scratch();
  server = await serveFiles(place.path('served'));
  docker = await startDockerd();
  mkdirSync(place.path('bases'));
  bases = await makeBases(docker, place.path('bases'), place.path('store'));
  for (const [index, one] of all.entries()) {
    const job = { one, dir: place.path('cases', String(index)), tag: `case-${index}:latest` };
    writeCase(job.dir, one, server.port);
    jobs.set(one, job);
  }
  await buildTheirs(docker, server.port, place.path('theirs.tar'));
}, 600_000);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await docker?.[Symbol.asyncDispose]();
  place?.[Symbol.dispose]();
});

/** Builds with dockerd what it can build, a few at a time, and reads all the images at once. */
async function buildTheirs(daemon: Dockerd, port: number, archive: string): Promise<void> {
  const queue = [...jobs.values()].filter(({ one }) => one.reference === undefined);
  const work = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift())
      theirs.set(job.one, await buildWithDocker(daemon.host, job, port));
  };
  await Promise.all([work(), work(), work()]);
  const built = [...theirs].filter(([, { ok }]) => ok).map(([one]) => one);
  if (built.length === 0) return;
  daemon.docker('save', '-o', archive, ...built.map((one) => jobs.get(one)?.tag as string));
  const images = await readArchive(archive);
  for (const one of built) {
    const image = images.get(jobs.get(one)?.tag as string) as ImageContent;
    theirs.set(one, { ...(theirs.get(one) as Outcome), image });
  }
}

/** Holds an image against what the case itself expects. */
function expectAsSaid(one: Case, image: ImageContent, who: string): void {
  const { tree, config, history } = one.expect ?? {};
  const before = bases?.get(one.base ?? 'base');
  if (tree) expect(treeDifference(before?.tree, image.tree), `tree of ${who}`).toEqual(tree);
  if (config) expect(imageFacts(image.config), `configuration of ${who}`).toMatchObject(config);
  if (history)
    expect(historyLines(image.config).slice(-history.length), `history of ${who}`).toEqual(history);
}

/** Builds a case with Cambium, and holds it against dockerd's image and the case's own words. */
async function compareBoth(one: Case): Promise<void> {
  const their = theirs.get(one);
  if (one.fails) {
    if (their) expect(their.ok, `dockerd takes it:\n${their.text}`).toBe(false);
  } else if (their) {
    expect(their.image, their.text).toBeDefined();
    expectAsSaid(one, their.image as ImageContent, 'dockerd');
  }
  const where = [join(place?.dir as string, 'store'), jobs.get(one) as Job, server?.port ?? 0] as const;
  const ours = await buildWithCambium(...where);
  if (one.fails) {
    expect(ours.code, ours.stdout + ours.stderr).not.toBe(0);
    expect(ours.stderr).toMatch(one.fails);
    expect(ours.stderr).not.toContain('Internal error');
    return;
  }
  expect(ours.image, ours.stdout + ours.stderr).toBeDefined();
  const image = ours.image as ImageContent;
  expectAsSaid(one, image, 'Cambium');
  if (one.historyNow)
    expect(historyLines(image.config).slice(-one.historyNow.length)).toEqual(one.historyNow);
  expect(await stagesRunAgain(...where), 'steps of a second build').toEqual([]);
  if (!their?.image) return;
  const options = { history: one.historyNow === undefined };
  expect(imageDifferences(their.image, image, options)).toEqual({});
}

test('there are enough cases, each with a name of its own, and each says what it expects', () => {
  expect(all.length).toBeGreaterThanOrEqual(wanted === undefined ? 120 : 0);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  const silent = all.filter((one) => one.reference !== undefined && !one.expect && !one.fails);
  expect(silent.map(({ name }) => name)).toEqual([]);
});

for (const [topic, cases] of Object.entries(topics)) {
  const chosen = cases.filter((one) => all.includes(one));
  if (chosen.length > 0)
    describe(topic, () => {
      for (const one of chosen) (one.differs ? test.fails : test)(one.name, () => compareBoth(one));
    });
}
