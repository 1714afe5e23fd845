/** Programs of other processor architectures: run by the kernel through an emulator that the machine has registered. */
import { readdirSync, readFileSync } from 'node:fs';
import { arch } from 'node:process';
import { outside } from '../../kit/errors.ts';
import type { Platform } from '../../plan/index.ts';

const folder = '/proc/sys/fs/binfmt_misc';

/** What qemu calls an architecture of OCI, and ELF's number for it. */
const machines: Partial<Record<string, { qemu: string; elf: number }>> = {
  amd64: { qemu: 'x86_64', elf: 0x3e },
  '386': { qemu: 'i386', elf: 0x03 },
  arm64: { qemu: 'aarch64', elf: 0xb7 },
  arm: { qemu: 'arm', elf: 0x28 },
  riscv64: { qemu: 'riscv64', elf: 0xf3 },
  ppc64le: { qemu: 'ppc64le', elf: 0x15 },
  s390x: { qemu: 's390x', elf: 0x16 },
  mips64le: { qemu: 'mips64el', elf: 0x08 },
  loong64: { qemu: 'loongarch64', elf: 0x102 },
};

/** Architectures that this machine's processor runs by itself. */
const native: Partial<Record<string, readonly string[]>> = {
  x64: ['amd64', '386'],
  arm64: ['arm64'],
  arm: ['arm'],
  ia32: ['386'],
  ppc64: ['ppc64le'],
};

/** Throws `no-emulator` when commands for `platform` can't run here. */
export function checkRunnable(platform: Platform): void {
  const { architecture } = platform;
  if ((native[arch] ?? [arch]).includes(architecture)) return;
  const machine = machines[architecture];
  if (machine !== undefined && isRegistered(machine.elf)) return;
  const qemu = machine?.qemu ?? architecture;
  throw outside(
    'no-emulator',
    `Commands for ${platform.os}/${architecture} can't run on this machine: no emulator is registered for them.`,
    {
      hint: `Install qemu-user-static and binfmt-support (Debian: \`apt-get install qemu-user-static binfmt-support\`): the kernel needs an entry qemu-${qemu} with the flag F in ${folder}.`,
    },
  );
}

/** An enabled entry for ELF files of a machine, whose interpreter the kernel keeps open: so that it works in any root. */
function isRegistered(elf: number): boolean {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return false;
  }
  return names.some((name) => {
    if (name === 'register' || name === 'status') return false;
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    const magic = Buffer.from(/^magic ([0-9a-f]+)$/m.exec(text)?.[1] ?? '', 'hex');
    if (!text.startsWith('enabled') || !/^flags: .*F/m.test(text) || magic.length < 20) return false;
    // e_machine, in the byte order that the header names.
    return (magic[5] === 2 ? magic.readUInt16BE(18) : magic.readUInt16LE(18)) === elf;
  });
}
