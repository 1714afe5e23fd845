/** An image of 500 MB in 8 layers from a registry of this machine, into one, into it again after one small change, and from an edit to there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cambiumOn } from '../peers/cambium.ts';
import type { Docker } from '../peers/docker.ts';
import type { Place } from '../place.ts';
import type { Case, Command, Contender } from '../types.ts';

const folder = 'layers';
const layers = 8;
const aheadOfAll = [
  { type: 'ratio', of: 'docker', factor: 1 },
  { type: 'ratio', of: 'buildah', factor: 1 },
] as const;
const ports = { lasting: 5741, fresh: 5742 };

export function registryCases(place: Place): Case[] {
  // Real programs and libraries of this machine, in eight parts of equal size.
  place.sh(
    `mkdir -p ${folder}
    find /usr/lib /usr/bin /usr/share -xdev -type f -size -8M -printf '%s %p\\n' 2>/dev/null | sort -k2 |
      awk -v each=62500000 -v parts=${layers} '{ if (part < parts) print part + 0 "\\t" $2; sum += $1; if (sum >= each) { sum = 0; part++ } }' > files
    for part in $(seq 0 ${layers - 1}); do
      mkdir -p ${folder}/part$part
      awk -F'\\t' -v part=$part '$1 == part { print $2 }' files | tar -cf - -T - 2>/dev/null | tar -C ${folder}/part$part -xf -
    done`,
  );
  const copies = [...Array(layers).keys()].map((part) => `COPY part${part} /part${part}`);
  place.write(`${folder}/Dockerfile`, ['FROM scratch', ...copies, 'COPY small /small', ''].join('\n'));
  const edit = () => place.write(`${folder}/small`, `${place.newText()}\n`);
  edit();
  const lasting = openRegistry(place, ports.lasting, 'registry-lasting');
  lasting.start();
  return [
    pullCase(place, lasting),
    pushCase(place),
    pushOneCase(place, lasting, edit),
    buildAndPushCase(place, lasting, edit),
  ];
}

/** Each tool with what it takes to push and pull without TLS. */
interface Tool {
  name: string;
  build(tag: string): Command;
  push(tag: string): Command;
  /** As a person gets there from an edit. */
  buildAndPush(tag: string): Command[];
  pull(tag: string): Command;
}

/** `store`: Cambium keeps what it packed, so that a first push needs a store in which nothing was. */
function toolsOf(place: Place, store: () => string): Tool[] {
  const context = place.path(folder);
  const cambium = () => cambiumOn(place.program, store(), 'cambium');
  return [
    {
      name: 'cambium',
      build: (tag) => cambium().build(context, tag),
      push: (tag) => cambium().command('image', 'push', tag),
      buildAndPush: (tag) => [cambium().build(context, tag, '--push')],
      pull: (tag) => cambium().command('image', 'pull', tag),
    },
    ...place.dockers.map((docker) => dockerTool(docker, context)),
    ...(place.buildah ? [buildahTool(place.buildah, context)] : []),
  ];
}

function dockerTool(docker: Docker, context: string): Tool {
  const [build, push] = [
    (tag: string) => docker.build(tag, context),
    (tag: string) => docker.command('push', '-q', tag),
  ];
  return {
    name: docker.name,
    build,
    push,
    buildAndPush: (tag) => [build(tag), push(tag)],
    pull: (tag) => docker.command('pull', '-q', tag),
  };
}

function buildahTool(buildah: NonNullable<Place['buildah']>, context: string): Tool {
  const [build, push] = [
    (tag: string) => buildah.build(tag, context),
    (tag: string) => buildah.command('push', '-q', '--tls-verify=false', tag),
  ];
  return {
    name: buildah.name,
    build,
    push,
    buildAndPush: (tag) => [build(tag), push(tag)],
    pull: (tag) => buildah.command('pull', '-q', '--tls-verify=false', tag),
  };
}

/**
 * Each round has an image of its own, of which no layer was seen before: to take the last one away instead would slow down
 * whoever comes next, as ext4 passes over inodes that were given back a moment ago.
 */
function pullCase(place: Place, registry: Registry): Case {
  const tagOf = (round: number) => `${registry.host}/pulled:${round}`;
  let pushed: number | undefined;
  let store = '';
  const contenders: Contender[] = toolsOf(place, () => store).map((tool) => ({
    name: tool.name,
    before(round) {
      store = place.path(`pull-store-${round}`);
      if (pushed === round) return;
      for (let part = 0; part < layers; part++)
        place.write(`${folder}/part${part}/round`, `${place.newText()}\n`);
      const [own] = toolsOf(place, () => place.path('pull-origin')) as [Tool];
      for (const command of [own.build(tagOf(round)), own.push(tagOf(round))]) place.meter.run(command);
      pushed = round;
    },
    commands: (round) => [tool.pull(tagOf(round))],
  }));
  const goals = aheadOfAll;
  return {
    id: 'registry-pull',
    title: 'pull of 500 MB in 8 layers',
    rounds: 3,
    isCold: true,
    goals,
    contenders,
  };
}

function pushCase(place: Place): Case {
  let store = '';
  let registry: Registry | undefined;
  let names = 0;
  const contenders: Contender[] = toolsOf(place, () => store).map((tool) => {
    let tag = '';
    return {
      name: tool.name,
      before(round) {
        names += 1;
        store = place.path(`push-store-${round}`);
        // An empty registry: nothing can be there or be mounted.
        registry = openRegistry(place, ports.fresh, `registry-${names}`);
        registry.start();
        tag = `${registry.host}/pushed-${names}:1`;
        place.meter.run(tool.build(tag));
      },
      commands: () => [tool.push(tag)],
      check() {
        registry?.has(tag);
        registry?.stop();
      },
    };
  });
  const goals = aheadOfAll;
  return {
    id: 'registry-push',
    title: 'push of 500 MB in 8 layers',
    rounds: 3,
    isCold: true,
    goals,
    contenders,
  };
}

function pushOneCase(place: Place, registry: Registry, edit: () => void): Case {
  const contenders: Contender[] = toolsOf(place, () => place.path('push-one-store')).map((tool, at) => {
    const tag = `${registry.host}/one-${at}:1`;
    return {
      name: tool.name,
      before: () => place.meter.run(tool.build(tag)),
      commands: () => [tool.push(tag)],
      check: () => registry.has(tag),
    };
  });
  const goals = [{ type: 'ratio', of: 'docker', factor: 1 / 3 }] as const;
  return { id: 'registry-push-one', title: 'push after one small file changed', edit, goals, contenders };
}

function buildAndPushCase(place: Place, registry: Registry, edit: () => void): Case {
  const contenders: Contender[] = toolsOf(place, () => place.path('push-one-store')).map((tool, at) => {
    const tag = `${registry.host}/edited-${at}:1`;
    return {
      name: tool.name,
      commands: () => tool.buildAndPush(tag),
      check: () => registry.has(tag),
    };
  });
  const goals = ['docker', 'buildah'].map((of) => ({ type: 'ratio', of, factor: 1 / 3 }) as const);
  const title = 'one small file changed: built and pushed';
  return { id: 'registry-build-push', title, edit, goals, contenders };
}

interface Registry {
  host: string;
  start(): void;
  stop(): void;
  /** Throws unless the tag is there. */
  has(tag: string): void;
}

/** Debian's docker-registry with its data in a folder of the place. */
function openRegistry(place: Place, port: number, name: string): Registry {
  const host = `127.0.0.1:${port}`;
  const config = place.path(`${name}.yml`);
  let child: ChildProcess | undefined;
  const stop = () => {
    child?.kill('SIGKILL');
    child = undefined;
  };
  return {
    host,
    start() {
      writeFileSync(
        config,
        `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${place.path(name)}}}\nhttp: {addr: ${host}}\n`,
      );
      const env = { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' };
      child = spawn('docker-registry', ['serve', config], { stdio: 'ignore', env });
      // It ends with the benchmark, which doesn't wait for it.
      child.unref();
      process.once('exit', stop);
      place.sh(
        `for try in $(seq 100); do curl -so /dev/null http://${host}/v2/ && exit; sleep 0.1; done; exit 1`,
      );
    },
    stop() {
      process.removeListener('exit', stop);
      stop();
      place.sh(
        `while curl -so /dev/null http://${host}/v2/; do sleep 0.05; done; rm -rf "$1"`,
        place.path(name),
      );
    },
    has(tag) {
      const [, path, label] = /^[^/]+\/(.*):(.*)$/.exec(tag) as unknown as [string, string, string];
      place.sh(
        `curl -sfo /dev/null -H 'accept: application/vnd.oci.image.manifest.v1+json' -H 'accept: application/vnd.docker.distribution.manifest.v2+json' http://${host}/v2/${path}/manifests/${label}`,
      );
    },
  };
}
