/** The options of `image` → the image's configuration, by the words that specs use too. */
import type { SourceLocation } from '../../kit/errors.ts';
import type { ImageConfig } from '../../plan/index.ts';
import type { Complaint } from '../complaints.ts';
import { configureImage } from '../image-config.ts';
import type { ImageOptions } from './cambium.d.ts';

/** The configuration; wrong values go to `complaints`. */
export function imageConfig(
  given: ImageOptions,
  location: SourceLocation,
  complaints: Complaint[],
): ImageConfig {
  const config: ImageConfig = {};
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
