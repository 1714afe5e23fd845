/** Build arguments: those that are predefined, those before the first FROM, and proxies. */
import type { Platform } from '../../../plan/index.ts';
import { expandWord } from '../language/expand-instruction.ts';
import { formatPlatform } from '../language/platform.ts';
import type { Dockerfile } from '../language/types.ts';

/** Arguments that say for what and on what a build is; `--build-arg` wins over them. */
export function platformArguments(
  build: Platform,
  target: Platform,
  stage: string,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const args: Record<string, string> = {
    BUILDPLATFORM: formatPlatform(build),
    BUILDOS: build.os,
    BUILDOSVERSION: '',
    BUILDARCH: build.architecture,
    BUILDVARIANT: build.variant ?? '',
    TARGETPLATFORM: formatPlatform(target),
    TARGETOS: target.os,
    TARGETOSVERSION: '',
    TARGETARCH: target.architecture,
    TARGETVARIANT: target.variant ?? '',
    TARGETSTAGE: stage || 'default',
  };
  for (const name of Object.keys(args)) if (given[name] !== undefined) args[name] = given[name];
  return args;
}

/** Values that hold in FROM, and that a stage's `ARG NAME` takes: predefined ones and those of ARGs before the first FROM. */
export function globalArguments(
  dockerfile: Dockerfile,
  predefined: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
): Map<string, string> {
  const values = new Map(Object.entries(predefined));
  for (const instruction of dockerfile.globalArgs) {
    for (const { name, value } of instruction.args) {
      const lookup = (wanted: string) => values.get(wanted);
      const own = Object.hasOwn(given, name)
        ? given[name]
        : value === undefined
          ? undefined
          : expandWord(instruction, value, { escape: dockerfile.escape, lookup }).text;
      if (own !== undefined) values.set(name, own);
    }
  }
  return values;
}

const proxies = ['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy', 'all_proxy'];

/** Proxies among the build arguments, in both ways to write them: every RUN sees them, and no key nor image has them. */
export function proxyVariables(given: Readonly<Record<string, string>>): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(given)) {
    const lower = name.toLowerCase();
    if (!proxies.includes(lower)) continue;
    found[lower] = value;
    found[lower.toUpperCase()] = value;
  }
  return found;
}
