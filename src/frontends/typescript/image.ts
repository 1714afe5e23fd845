/** The options of `image` → the image's configuration, by the words that specs use too. */
import type { SourceLocation } from '../../kit/errors.ts';
import { didYouMean } from '../../kit/suggest.ts';
import type { ImageConfig } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import { configureImage } from '../image-config.ts';
import type { ImageOptions } from './cambium.d.ts';

const options = [
  'base',
  'builder',
  'stages',
  'cmd',
  'entrypoint',
  'env',
  'labels',
  'user',
  'workdir',
  'expose',
  'volumes',
  'stopSignal',
];

/** The configuration; unknown and wrong options go to `complaints`. */
export function imageConfig(
  given: ImageOptions,
  location: SourceLocation,
  complaints: Complaint[],
): ImageConfig {
  const config: ImageConfig = {};
  for (const name of Object.keys(given)) {
    if (options.includes(name)) continue;
    const hint = didYouMean(name, options);
    complaints.push({
      code: 'unknown-option',
      message: `\`image\` has no option \`${name}\`.`,
      location,
      ...(hint ? { hint } : {}),
    });
  }
  const pairs = (record: Readonly<Record<string, unknown>> | undefined) =>
    record && Object.entries(record).map(([name, value]) => `${name}=${value}`);
  const one = (value: string | undefined) => (value === undefined ? undefined : [value]);
  const words: [string, readonly string[] | undefined][] = [
    ['cmd', given.cmd],
    ['entrypoint', given.entrypoint],
    ['env', pairs(given.env)],
    ['label', pairs(given.labels)],
    ['user', one(given.user)],
    ['workdir', one(given.workdir)],
    ['expose', given.expose?.map(String)],
    ['volume', given.volumes],
    ['stop-signal', one(given.stopSignal)],
  ];
  for (const [word, args] of words) {
    const wrong =
      args === undefined || args.length === 0 ? undefined : configureImage(config, [word, ...args]);
    if (wrong !== undefined) complaints.push({ code: 'bad-image-word', ...wrong, location });
  }
  return config;
}
