/** A stage while its instructions are gone through: where its filesystem stands, its configuration and its variables. */
import type { Compute, HistoryLine, ImageConfig, Platform, StepId } from '../../../plan/index.ts';

export interface StageState {
  /** What people see: its name, or `stage-0`. */
  label: string;
  /** Undefined: an empty folder. */
  top: StepId | undefined;
  platform: Platform;
  config: ImageConfig;
  author?: string;
  /** Variables that instructions and RUN see: ENV and ARG. */
  env: Map<string, string>;
  /** ARGs, those of base stages included, in order. */
  args: { name: string; value: string | undefined }[];
  history: HistoryLine[];
  /** CMD was set in this stage: ENTRYPOINT then keeps it. */
  hasOwnCmd: boolean;
  /** WORKDIR was set, in this stage or one below. */
  hasWorkdir: boolean;
  /** Triggers of ONBUILD in this stage, for stages that start from it. */
  triggers: string[];
  /** What its commands may use, where they say nothing themselves. */
  compute: Compute;
}

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a stage starts with when its base says nothing. */
export const emptyConfig: ImageConfig = { Env: [`PATH=${defaultPath}`], WorkingDir: '/' };

function splitVariable(entry: string): [name: string, value: string] {
  const at = entry.indexOf('=');
  return at === -1 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
}

/** Adds `name` to a list of variables, in its old place where it has one. */
export function setVariable(env: readonly string[] | undefined, name: string, value: string): string[] {
  const list = [...(env ?? [])];
  const at = list.findIndex((entry) => splitVariable(entry)[0] === name);
  if (at === -1) list.push(`${name}=${value}`);
  else list[at] = `${name}=${value}`;
  return list;
}

const comment = 'buildkit.dockerfile.v0';

export function addHistory(state: StageState, createdBy: string, step?: StepId): void {
  state.history.push({ createdBy, comment, ...(step !== undefined && { step }) });
}

/** A stage that starts from another one. */
export function startFrom(base: StageState, label: string): StageState {
  const { OnBuild: _triggers, ...config } = structuredClone(base.config);
  return {
    ...base,
    label,
    config,
    env: new Map(base.env),
    args: [...base.args],
    history: [...base.history],
    hasOwnCmd: false,
    triggers: [],
  };
}

/** What every stage does before its first instruction: a PATH, and the configuration's variables. */
export function prepare(state: StageState): void {
  const { config, env } = state;
  const has = (config.Env ?? []).some((entry) => splitVariable(entry)[0] === 'PATH');
  if (!has) config.Env = [...(config.Env ?? []), `PATH=${defaultPath}`];
  for (const entry of config.Env ?? []) env.set(...splitVariable(entry));
}
