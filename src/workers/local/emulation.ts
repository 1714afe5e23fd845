/**
 * Programs of other processor architectures: the kernel runs them through an emulator (qemu-user) that is registered with
 * it. Where the machine has registered none but has the program, a build registers it itself for as long as it lasts.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { arch } from 'node:process';
import { errnoOf, outside } from '../../kit/errors.ts';
import { mountBinfmt } from '../../kit/mounts.ts';
import type { Platform } from '../../plan/index.ts';
import { elfHeader, type Machine, machines, needsNoLoader } from './elf.ts';
import { findProgram } from './runtimes/programs.ts';

/** Where a machine has it, as a rule. */
const usualFolder = '/proc/sys/fs/binfmt_misc';
const ownPrefix = 'cambium-';

/** Architectures that this machine's processor runs by itself. */
const native: Partial<Record<string, readonly string[]>> = {
  x64: ['amd64', '386'],
  arm64: ['arm64'],
  arm: ['arm'],
  ia32: ['386'],
  ppc64: ['ppc64le'],
};

/**
 * Makes commands for `platform` run; throws `no-emulator` when they can't. `runDir` is the run's folder: what is registered
 * goes with what is mounted there. Needs the process's own mount namespace.
 */
export function prepareEmulation({ os, architecture }: Platform, runDir: string): void {
  if ((native[arch] ?? [arch]).includes(architecture)) return;
  const machine = machines[architecture];
  if (machine !== undefined && isRegistered(usualFolder, machine)) return;
  const fail = (why: string, hint: string, cause?: unknown) =>
    outside('no-emulator', `Commands for ${os}/${architecture} can't run on this machine: ${why}.`, {
      hint,
      cause,
    });
  const program = machine && staticEmulator(machine);
  if (machine === undefined || program === undefined) {
    throw fail(
      `it has no program qemu-${machine?.qemu ?? architecture}-static`,
      'Install it (Debian: apt-get install qemu-user-static).',
    );
  }
  const folder = ownFolder(runDir);
  try {
    if (!existsSync(folder)) {
      mkdirSync(folder);
      mountBinfmt(folder);
    }
    if (isRegistered(folder, machine)) return;
    register(folder, machine, program);
  } catch (error) {
    throw fail(
      `the kernel did not take ${program} as their emulator (${errnoOf(error) ?? (error as Error).message})`,
      'Install binfmt-support, which registers it, and look at `update-binfmts --display`.',
      error,
    );
  }
}

/** Architectures whose programs run here by an emulator, which is registered or can be. */
export function emulatedArchitectures(): string[] {
  const runs = (machine: Machine) =>
    isRegistered(usualFolder, machine) || staticEmulator(machine) !== undefined;
  return Object.entries(machines).flatMap(([architecture, machine]) =>
    machine && !(native[arch] ?? [arch]).includes(architecture) && runs(machine) ? architecture : [],
  );
}

/** Takes away what this process registered with the kernel. */
export function endEmulation(runDir: string): void {
  const folder = ownFolder(runDir);
  if (existsSync(folder)) removeEntries(folder, (pid) => pid === process.pid);
}

function ownFolder(runDir: string): string {
  return join(runDir, 'binfmt');
}

/** An emulator that runs in any root: one that needs no loader and no libraries. */
function staticEmulator({ qemu }: Machine): string | undefined {
  return [`qemu-${qemu}-static`, `qemu-${qemu}`]
    .map(findProgram)
    .find((path) => path !== undefined && needsNoLoader(path));
}

/**
 * The kernel forgets entries with the last mount of this file system. Where the machine has it mounted too, they would
 * stay after a build that was killed: the next one removes them.
 */
function register(folder: string, { qemu, ...elf }: Machine, program: string): void {
  removeEntries(folder, (pid) => !existsSync(`/proc/${pid}`));
  const { magic, mask } = elfHeader(elf);
  const escaped = (bytes: Buffer) =>
    [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
  // P: the program is told its own first argument. F: the emulator is opened now, and so works in any root.
  // C: rights of set-user-ID programs are those of the program.
  const entry = [
    `${ownPrefix}${process.pid}-${qemu}`,
    'M',
    '',
    escaped(magic),
    escaped(mask),
    program,
    'PFC',
  ];
  writeFileSync(join(folder, 'register'), `:${entry.join(':')}`);
}

function removeEntries(folder: string, isOver: (pid: number) => boolean): void {
  for (const name of readdirSync(folder)) {
    const pid = new RegExp(`^${ownPrefix}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && isOver(Number(pid))) writeFileSync(join(folder, name), '-1');
  }
}

/** An enabled entry for ELF files of a machine, whose interpreter the kernel keeps open: so that it works in any root. */
function isRegistered(folder: string, { elf }: Machine): boolean {
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
