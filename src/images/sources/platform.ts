/** Names of processor architectures, as OCI has them. */
import { arch } from 'node:process';
import type { Platform } from '../../plan/index.ts';

const architectures: Partial<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

/** `amd64`, `arm64`, … of this machine. */
export function archOfHost(): string {
  return architectures[arch] ?? arch;
}

export function hostPlatform(): Platform {
  return { os: 'linux', architecture: archOfHost() };
}
