/**
 * Compiled system call filters. crun compiles one from its list of names in 10 ms, keeps it in its state folder while the
 * container runs, and takes it back as data: so it is compiled once for each boot, and kept beside what else is known of the runtime.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { hexOf, sha256 } from '../../../kit/digest.ts';
import { findProgram, identityOf } from './programs.ts';

const memory = '/run/cambium';
const known = new Map<string, string>();

/** Bytes of an instruction, struct sock_filter. */
const instructionBytes = 8;

/** What a configuration gets for its filter: the filter itself, or a hook that saves it for the next run. */
export interface FilterShortcut {
  annotations?: Record<string, string>;
  hooks?: { poststart: object[] };
}

/** `state`: the folder in which the runtime keeps what it knows of the container; `copy`: where its filter shall be saved. */
export function filterShortcut(
  runtime: string,
  seccomp: object,
  { state, copy }: { state: string; copy: string },
): FilterShortcut {
  const data = recall(fileOf(runtime, seccomp));
  if (data !== undefined) return { annotations: { 'run.oci.seccomp_bpf_data': data } };
  const cp = findProgram('cp');
  if (cp === undefined) return {};
  return { hooks: { poststart: [{ path: cp, args: ['cp', `${state}/seccomp.bpf`, copy] }] } };
}

/** Keeps the filter that the hook saved in `copy`, if it did. */
export function rememberFilter(runtime: string, seccomp: object, copy: string): void {
  const file = fileOf(runtime, seccomp);
  if (known.has(file)) return;
  try {
    const data = readFileSync(copy);
    if (data.length === 0 || data.length % instructionBytes !== 0) return;
    known.set(file, data.toString('base64'));
    mkdirSync(memory, { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, data, { mode: 0o600 });
    renameSync(temporary, file);
  } catch {
    // Then the next run compiles it again.
  }
}

function recall(file: string): string | undefined {
  try {
    const data = known.get(file) ?? readFileSync(file).toString('base64');
    known.set(file, data);
    return data;
  } catch {
    return undefined;
  }
}

function fileOf(runtime: string, seccomp: object): string {
  return `${memory}/filter-${hexOf(sha256(`${identityOf(runtime)} ${JSON.stringify(seccomp)}`))}`;
}
