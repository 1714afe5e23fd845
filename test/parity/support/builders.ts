/** The two builders side by side: dockerd's BuildKit, and the real command line. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type CliResult, cambiumOk, readBuild, startCambium } from '../../support/cli.ts';
import type { Dockerd } from '../../support/dockerd.ts';
import { type ImageContent, readArchive } from './archive.ts';
import { type BaseName, type Case, portMark, writeCase } from './case.ts';
import { baseDockerfiles, writeRootfs } from './rootfs.ts';

// Debian's own client: a newer one elsewhere in PATH would want a plugin to build with BuildKit.
const client = '/usr/bin/docker';

export interface Outcome {
  ok: boolean;
  /** What the builder wrote. */
  text: string;
}

/** One build of a case: `dir` holds what `writeCase` wrote. */
export interface Job {
  one: Case;
  dir: string;
  tag: string;
}

function buildArguments({ one, tag }: Job, port: number): string[] {
  const args = (one.args ?? []).map((arg) => arg.replaceAll(portMark, String(port)));
  const file = one.at === undefined ? [] : ['-f', join('context', one.at)];
  return ['--network', 'none', '-t', tag, ...file, ...args, 'context'];
}

/** Builds with dockerd. */
export function buildWithDocker(host: string, job: Job, port: number): Promise<Outcome> {
  const options = {
    cwd: job.dir,
    env: { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '1' },
    encoding: 'utf8',
  } as const;
  const args = ['build', '--progress', 'plain', ...buildArguments(job, port)];
  return new Promise((resolve) => {
    execFile(client, args, options, (error, stdout, stderr) => {
      resolve({ ok: error === null, text: stdout + stderr });
    });
  });
}

/** Builds with the command line; a good build leaves the image in `dir`/image.tar. */
export async function buildWithCambium(
  store: string,
  job: Job,
  port: number,
): Promise<CliResult & { image?: ImageContent }> {
  const out = join(job.dir, 'image.tar');
  const args = [
    'build',
    '--progress',
    'plain',
    ...buildArguments(job, port),
    '-o',
    `type=docker,dest=${out}`,
  ];
  const result = await startCambium(args, { store, cwd: job.dir }).ended;
  if (result.code !== 0) return result;
  const [image] = (await readArchive(out)).values();
  if (image === undefined) throw new Error(`there is no image in ${out}`);
  return { ...result, image };
}

/** Builds once more, and gives the stages of the steps that ran. */
export async function stagesRunAgain(store: string, job: Job, port: number): Promise<string[]> {
  const args = ['build', '--progress', 'json', ...buildArguments(job, port)];
  return readBuild(await startCambium(args, { store, cwd: job.dir }).ended).ran;
}

/** Makes the base images in dockerd, and takes them over from there into the store. */
export async function makeBases(
  docker: Dockerd,
  dir: string,
  store: string,
): Promise<Map<BaseName, ImageContent>> {
  const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
  writeRootfs(join(dir, 'rootfs'), join(dir, 'rootfs.tar'));
  docker.docker('import', '--change', `ENV ${path}`, join(dir, 'rootfs.tar'), 'base:latest');
  for (const [tag, dockerfile] of Object.entries(baseDockerfiles)) {
    const job: Job = { one: { name: tag, dockerfile }, dir: join(dir, tag), tag };
    writeCase(job.dir, job.one, 0);
    const { ok, text } = await buildWithDocker(docker.host, job, 0);
    if (!ok) throw new Error(`dockerd doesn't build ${tag}:\n${text}`);
  }
  const names = ['base', ...Object.keys(baseDockerfiles)];
  const archive = join(dir, 'bases.tar');
  docker.docker('save', '-o', archive, ...names);
  for (const name of names)
    cambiumOk(['image', 'import', archive, `${name}:latest`, '--reference', `${name}:latest`], { store });
  const images = await readArchive(archive);
  return new Map(names.map((name) => [name as BaseName, images.get(`${name}:latest`) as ImageContent]));
}
