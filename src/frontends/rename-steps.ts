/** Renames the steps that a step names, so that several plans can be put into one. */
import type { Copy, Mount, RunRoot, Step, StepId } from '../plan/index.ts';

export function renameSteps(step: Step, renamed: (id: StepId) => StepId): Step {
  const { op } = step;
  const base = step.base === undefined ? {} : { base: renamed(step.base) };
  const own = { ...step, ...base, id: renamed(step.id) };
  if (op.type === 'copy')
    return { ...own, op: { ...op, copies: op.copies.map((copy) => renameCopy(copy, renamed)) } };
  if (op.type === 'link') return { ...own, op: { ...op, step: renamed(op.step) } };
  if (op.type !== 'run') return own;
  return {
    ...own,
    op: {
      ...op,
      root: renameRoot(op.root, renamed),
      mounts: op.mounts.map((mount) => renameMount(mount, renamed)),
    },
  };
}

function renameCopy(copy: Copy, renamed: (id: StepId) => StepId): Copy {
  return copy.from.type === 'step'
    ? { ...copy, from: { ...copy.from, step: renamed(copy.from.step) } }
    : copy;
}

function renameMount(mount: Mount, renamed: (id: StepId) => StepId): Mount {
  if (mount.type === 'step') return { ...mount, step: renamed(mount.step) };
  if (mount.type !== 'cache' || mount.from === undefined) return mount;
  return { ...mount, from: { ...mount.from, step: renamed(mount.from.step) } };
}

function renameRoot(root: RunRoot, renamed: (id: StepId) => StepId): RunRoot {
  if (root.type !== 'builder' || root.builder === 'host') return root;
  return { ...root, builder: { ...root.builder, step: renamed(root.builder.step) } };
}
