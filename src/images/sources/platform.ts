/** Platforms of images, in the words of OCI. */
import { arch } from 'node:process';
import { outside, type UserError } from '../../kit/errors.ts';
import type { Platform } from '../../plan/index.ts';

const architectures: Partial<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** `amd64`, `arm64`, … of this machine. */
export function archOfHost(): string {
  return architectures[arch] ?? arch;
}

export function hostPlatform(): Platform {
  return { os: 'linux', architecture: archOfHost() };
}

/** Variants that are meant where none is named. */
const usualVariants: Partial<Record<string, string>> = { arm: 'v7', arm64: 'v8' };

/** Whether an image of the platform `there` is what is asked for. */
export function isPlatform(there: Partial<Platform>, asked: Platform): boolean {
  const variantOf = ({ architecture = '', variant }: Partial<Platform>) =>
    variant || usualVariants[architecture];
  return (
    (there.os ?? 'linux') === asked.os &&
    there.architecture === asked.architecture &&
    variantOf(there) === variantOf(asked)
  );
}

/** `linux/arm64`, `linux/arm/v6`. */
export function platformText({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant ? [variant] : [])].join('/');
}

/** `there`: what the place has instead. */
export function wrongPlatform(
  place: string,
  wanted: Platform,
  there: readonly (Platform | undefined)[],
): UserError {
  const names = [
    ...new Set(there.flatMap((each) => (each && each.os !== 'unknown' ? [platformText(each)] : []))),
  ];
  return outside('wrong-platform', `${place} has no image for ${platformText(wanted)}.`, {
    hint:
      names.length > 0
        ? `It has ${names.join(', ')}: choose one with --platform.`
        : 'It says of none what it is for.',
  });
}
