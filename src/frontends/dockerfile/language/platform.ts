/** Platforms as written after `--platform`: `linux/arm64`, `linux/arm/v7`, `arm64`. */
import type { Platform } from '../../../plan/index.ts';

const knownSystems =
  'aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris windows zos';
const knownArchitectures =
  '386 amd64 amd64p32 arm armbe arm64 arm64be ppc64 ppc64le loong64 mips mipsle mips64 mips64le mips64p32 ' +
  'mips64p32le ppc riscv riscv64 s390 s390x sparc sparc64 wasm';
const systems = new Set(knownSystems.split(' '));
const architectures = new Set(knownArchitectures.split(' '));

/**
 * Reads a platform in the rules of containerd's `platforms` package; `native` gives what is left out. Undefined when it
 * is none. What follows the system in parentheses (a version) is read over.
 */
export function parsePlatform(text: string, native: Platform): Platform | undefined {
  const parts = text.split('/');
  const system = /^([A-Za-z0-9_-]+)(?:\([A-Za-z0-9_.%-]*(?:\+[A-Za-z0-9_.%-]+)*\))?$/.exec(parts[0] ?? '');
  if (system === null || parts.length > 3) return undefined;
  if (!parts.slice(1).every((part) => /^[A-Za-z0-9_.-]+$/.test(part))) return undefined;
  const os = normalSystem(system[1] as string);
  const [, architecture, variant] = parts;
  if (architecture !== undefined) {
    const result = normalArchitecture(architecture, variant ?? '');
    return { os, ...withoutDefault(result, variant !== undefined) };
  }
  if (systems.has(os)) return { ...native, os };
  const result = withoutDefault(normalArchitecture(parts[0] as string, ''), false);
  return architectures.has(result.architecture) ? { os: native.os, ...result } : undefined;
}

/** `os/architecture[/variant]`, arm's and arm64's usual variants written out only where they are no default. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, variant].filter((part) => part !== undefined && part !== '').join('/');
}

/** Whether both name the same system, architecture and variant, however they were written. */
export function samePlatform(a: Platform, b: Platform): boolean {
  return formatPlatform(normalPlatform(a)) === formatPlatform(normalPlatform(b));
}

/** The one way to write a platform. */
export function normalPlatform(platform: Platform): Platform {
  const { architecture, variant } = normalArchitecture(platform.architecture, platform.variant ?? '');
  return { os: normalSystem(platform.os), architecture, ...(variant === '' ? {} : { variant }) };
}

function normalSystem(os: string): string {
  const lower = os.toLowerCase();
  return lower === 'macos' ? 'darwin' : lower;
}

interface Architecture {
  architecture: string;
  variant: string;
}

function normalArchitecture(written: string, writtenVariant: string): Architecture {
  const architecture = written.toLowerCase();
  const variant = writtenVariant.toLowerCase();
  switch (architecture) {
    case 'i386':
      return { architecture: '386', variant: '' };
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return { architecture: 'amd64', variant: variant === 'v1' ? '' : variant };
    case 'aarch64':
    case 'arm64':
      if (['8', 'v8', 'v8.0'].includes(variant)) return { architecture: 'arm64', variant: '' };
      return { architecture: 'arm64', variant: ['9', '9.0', 'v9.0'].includes(variant) ? 'v9' : variant };
    case 'armhf':
      return { architecture: 'arm', variant: 'v7' };
    case 'armel':
      return { architecture: 'arm', variant: 'v6' };
    case 'arm':
      if (variant === '' || variant === '7') return { architecture: 'arm', variant: 'v7' };
      return { architecture, variant: ['5', '6', '8'].includes(variant) ? `v${variant}` : variant };
    default:
      return { architecture, variant };
  }
}

/** A variant that was given stays visible (`arm64/v8`); one that is the default otherwise isn't shown (`arm`). */
function withoutDefault({ architecture, variant }: Architecture, wasGiven: boolean) {
  if (wasGiven) {
    const shown = architecture === 'arm64' && variant === '' ? 'v8' : variant;
    return { architecture, ...(shown === '' ? {} : { variant: shown }) };
  }
  const hidden = variant === '' || (architecture === 'arm' && variant === 'v7');
  return { architecture, ...(hidden ? {} : { variant }) };
}
