/** The `cambium image` commands that talk to registries: pull and push. */
import { Command } from 'commander';
import { isVerified, parseReference, requireImage, shortName, tagsOf } from '../../images/index.ts';
import { compressions } from '../../images/registry/compressions.ts';
import { hostPlatform } from '../../images/sources/platform.ts';
import { wrongUse } from '../../kit/errors.ts';
import type { Store } from '../../store/store.ts';
import { readOnePlatform } from '../dockerfile-flags.ts';
import { print, tell } from '../io.ts';
import { parseChoice, parseSourceDateEpoch } from '../values.ts';
import { type Definition, type InStore, withSnapshots } from './image-content.ts';

interface PushFlags {
  store?: string;
  compression?: string;
  forceCompression: boolean;
  allowWarm: boolean;
  quiet: boolean;
  tlsVerify: string;
}

interface PullFlags {
  store?: string;
  platform?: string;
  quiet: boolean;
  tlsVerify: string;
}

export function definitions(inStore: InStore): Definition[] {
  return [
    [
      withTls(new Command('pull').description('fetch images from their registries'))
        .argument('<names...>', 'name[:tag] or name@digest')
        .option('--platform <platform>', "which image of several; default this machine's")
        .option('-q, --quiet', 'only the digests', false)
        .action((names: string[], flags: PullFlags) => inStore(flags, (store) => pull(store, names, flags))),
      [
        ['cambium image pull debian:12', 'from Docker Hub, as every short name'],
        ['cambium image pull --platform linux/arm64 registry.example/app:1', 'for another machine'],
      ],
    ],
    [
      withTls(new Command('push').description('send an image to registries'))
        .argument('<image>', 'a name or an id')
        .argument('[names...]', 'where to; without one, where its name says')
        .option(
          '--compression <kind>',
          `of layers that have to be packed: ${compressions.join(', ')}; default gzip`,
        )
        .option('--force-compression', 'pack all layers so, those that came packed otherwise too', false)
        .option('--allow-warm', 'an image of a warm rebuild too, which no clean build has confirmed', false)
        .option('-q, --quiet', 'only the digest', false)
        .action((name: string, names: string[], flags: PushFlags) =>
          inStore(flags, (store) => push(store, name, names, flags)),
        ),
      [
        ['cambium image push registry.example/team/app:1', 'where its name says'],
        ['cambium image push app:latest localhost:5000/app:1', 'under another name'],
      ],
    ],
  ];
}

/** As Podman has it. */
export function withTls(command: Command): Command {
  return command.option('--tls-verify <bool>', 'false: any certificate, or plain HTTP, will do', 'true');
}

export function readTls(flags: { tlsVerify: string }): { insecure?: boolean } {
  return parseChoice('--tls-verify', flags.tlsVerify, ['true', 'false']) === 'false'
    ? { insecure: true }
    : {};
}

async function pull(store: Store, names: readonly string[], flags: PullFlags): Promise<void> {
  const references = names.map(parseReference);
  const reach = readTls(flags);
  const platform = flags.platform === undefined ? hostPlatform() : readOnePlatform(flags.platform);
  const { pullImage } = await import('../../images/registry/pull.ts');
  const { snapshotWriter } = await import('../../workers/local/execute-source.ts');
  await withSnapshots(store, async (context, worker, signal) => {
    for (const [at, reference] of references.entries()) {
      const image = await pullImage({
        context,
        writer: snapshotWriter(store, worker.snapshots, worker.run, signal),
        stage: 'pull',
        ...(!flags.quiet && { onProgress: (message: string) => tell(`${message}\n`) }),
        reference,
        platform,
        ...reach,
      });
      const tags = tagsOf(store.db, image.id).map(shortName);
      const name = shortName(names[at] as string);
      print(
        flags.quiet
          ? `${image.origin}\n`
          : `${tags.includes(name) ? name : (tags[0] ?? name)} ${image.origin}\n`,
      );
    }
  });
}

async function push(store: Store, name: string, names: readonly string[], flags: PushFlags): Promise<void> {
  const image = requireImage(store.db, name);
  if (!isVerified(image) && !flags.allowWarm) {
    throw wrongUse(
      'warm-image',
      `The image ${name} comes from a warm rebuild: no clean build has confirmed it.`,
      {
        hint: `Confirm it with \`cambium verify -t ${name}\`, or push it as it is with --allow-warm.`,
      },
    );
  }
  const targets = names.length > 0 ? names : [name];
  for (const target of targets) parseReference(target);
  const { compression } = flags;
  const kind = compression && parseChoice('--compression', compression, compressions);
  const clampSeconds = parseSourceDateEpoch(process.env['SOURCE_DATE_EPOCH']);
  const { sendToRegistries } = await import('../../images/outputs/registry.ts');
  await withSnapshots(store, async (context) => {
    const { digest } = await sendToRegistries(context, image, targets, {
      ...readTls(flags),
      ...(kind && { compression: kind }),
      ...(flags.forceCompression && { force: true }),
      ...(clampSeconds !== undefined && { clampSeconds }),
      ...(!flags.quiet && { onProgress: (message: string) => tell(`${message}\n`) }),
    });
    print(flags.quiet ? `${digest}\n` : `${targets.map(shortName).join(' ')} ${digest}\n`);
  });
}
