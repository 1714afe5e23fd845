/** `cambium image …`: the images of the store. What opens snapshots is in `image-content.ts`. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { listImages, platformText, removeImage, shortName, tagImage } from '../../images/index.ts';
import type { Store } from '../../store/store.ts';
import { storeOption } from '../build-flags.ts';
import { refuseBelow } from '../elsewhere.ts';
import { addExamples } from '../help.ts';
import { print } from '../io.ts';
import { withStore } from '../open-store.ts';
import { formatAge, formatTable } from '../text.ts';
import * as content from './image-content.ts';
import * as registry from './image-registry.ts';

interface StoreFlag {
  store?: string;
}

export function define(): Command {
  const command = new Command('image').description(
    'list, name, look into, fetch, send, export and import images',
  );
  const below: [Command, readonly (readonly [string, string])[]][] = [
    [defineList(), [['cambium image ls', 'all images with a name']]],
    [defineRemove(), [['cambium image rm hello:old', 'take a name away, and the image with its last one']]],
    [defineTag(), [['cambium image tag hello:latest hello:1.0', 'give an image another name']]],
    ...registry.definitions(inStore),
    ...content.definitions(inStore),
  ];
  for (const [definition, examples] of below)
    command.addCommand(addExamples(definition.addOption(storeOption()), examples));
  refuseBelow(command, 'prune', 'What no image needs goes by `cambium cache prune`.');
  return addExamples(command, [
    ['cambium image ls', 'all images with a name'],
    ['cambium image export hello:latest -o type=docker,dest=hello.tar', 'for docker load'],
    ['cambium image diff hello:1 hello:2', 'which files differ, and how'],
  ]);
}

async function inStore(flags: StoreFlag, body: (store: Store) => void | Promise<void>): Promise<void> {
  await withStore(flags.store === undefined ? undefined : resolve(flags.store), body);
}

function defineList(): Command {
  return new Command('ls')
    .description('list images, the newest first')
    .option('-a, --all', 'those without a name too', false)
    .option('-q, --quiet', 'ids only', false)
    .option('--json', 'print it as JSON', false)
    .action((flags: StoreFlag & { all: boolean; quiet: boolean; json: boolean }) =>
      inStore(flags, (store) => {
        const images = listImages(store.db, flags.all);
        if (flags.json) {
          const short = images.map((image) => ({ ...image, tags: image.tags.map(shortName) }));
          print(`${JSON.stringify(short, undefined, 2)}\n`);
        } else if (flags.quiet) {
          for (const { id } of images) print(`${id}\n`);
        } else {
          print(formatTable([['NAME', 'ID', 'PLATFORM', 'CREATED', 'STATE'], ...images.flatMap(imageRows)]));
        }
      }),
    );
}

/** One row for each name of the image. */
function imageRows({
  id,
  tags,
  platform,
  createdMs,
  state,
  members,
}: ReturnType<typeof listImages>[number]): string[][] {
  const rest = [
    id.slice(0, 12),
    (members ?? [{ platform }]).map((one) => platformText(one.platform)).join(','),
    formatAge(Date.now() - createdMs),
    state,
  ];
  return (tags.length > 0 ? tags.map(shortName) : ['-']).map((name) => [name, ...rest]);
}

function defineRemove(): Command {
  return new Command('rm')
    .description('take names away; an image goes with its last name')
    .argument('<images...>', 'names or ids')
    .option('-f, --force', 'by id, an image with several names too', false)
    .action((names: string[], flags: StoreFlag & { force: boolean }) =>
      inStore(flags, (store) => {
        for (const name of names) {
          const { untagged, deleted } = removeImage(store.db, name, flags.force);
          for (const tag of untagged) print(`untagged ${shortName(tag)}\n`);
          if (deleted !== undefined) print(`deleted ${deleted}\n`);
        }
      }),
    );
}

function defineTag(): Command {
  return new Command('tag')
    .description('give an image another name')
    .argument('<image>', 'a name or an id')
    .argument('<names...>', 'the new names')
    .action((image: string, names: string[], flags: StoreFlag) =>
      inStore(flags, (store) => {
        for (const name of names) tagImage(store.db, image, name);
      }),
    );
}
