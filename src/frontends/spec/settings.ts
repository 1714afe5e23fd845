/** A spec's settings: a Bash file of `name=value`, and `--set` on top of it. */
import { dirname, join, resolve } from 'node:path';
import { errnoOf, wrongUse } from '../../kit/errors.ts';
import { existsSync, readdirSync, readFileSync } from '../../kit/host-files.ts';
import { nearest } from '../../kit/suggest.ts';
import type { PlanRequest } from '../request.ts';
import { stageNames } from '../stages/folder.ts';
import { settingsPath } from '../stages/inputs.ts';
import { appendSettings } from '../stages/persisted.ts';

export interface Settings {
  /** The file with `--set` at its end: what the spec and every config.sh read. */
  text: string;
  /** Maps a path in the builder to the file that a person wrote. */
  hostPath: (path: string) => string;
}

/** The effective settings of a spec; checks that somebody knows the names of `--set`. */
export function readSettings(request: PlanRequest, tree: string, spec: string): Settings {
  const own = join(tree, settingsPath);
  const file = request.settingsFile ?? (existsSync(own) ? own : undefined);
  const text = file === undefined ? '' : readText(file);
  checkNames(Object.keys(request.set), text, tree, spec);
  return {
    text: appendSettings(text, request.set),
    hostPath: (named) => {
      if (named === '') return spec;
      // Bash names a file as it was sourced, from the tree's root.
      const path = resolve('/build', named);
      if (path === `/build/${settingsPath}` && file !== undefined) return file;
      return path.startsWith('/build/') ? join(tree, path.slice('/build/'.length)) : path;
    },
  };
}

/** Text of a settings file; a `UserError` where there is none. */
export function readText(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError && errnoOf(error) === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw wrongUse('bad-settings-file', `The settings file ${file} is not UTF-8 text.`);
    }
    const code = errnoOf(error);
    const why = code === 'ENOENT' ? "doesn't exist" : code === 'EISDIR' ? 'is a folder' : "can't be read";
    throw wrongUse('missing-settings-file', `The settings file ${file} ${why}.`, { cause: error });
  }
}

/**
 * A name is known when the settings file has it (in a comment too: that is how optional ones are listed there), or when
 * the spec, a file beside it, or any config.sh reads it.
 */
function checkNames(names: readonly string[], settings: string, tree: string, spec: string): void {
  if (names.length === 0) return;
  const sources = [settings, ...readers(tree, spec).map((file) => readFileSync(file, 'utf8'))].join('\n');
  for (const name of names) {
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      throw wrongUse('bad-setting', `--set ${name}: a setting's name is made of letters, digits and _.`);
    }
    if (new RegExp(`(?<!\\w)${name}(?!\\w)`).test(sources)) continue;
    const best = nearest(name, knownNames(settings, sources));
    throw wrongUse(
      'unknown-setting',
      `--set ${name}: neither the settings file nor the spec nor a config.sh knows it.`,
      {
        hint:
          best === undefined ? 'A setting is known once the settings file has it.' : `Did you mean ${best}?`,
      },
    );
  }
}

function readers(tree: string, spec: string): string[] {
  const beside = readdirSync(dirname(spec))
    .filter((name) => /\.(spec|bash|sh)$/.test(name))
    .map((name) => join(dirname(spec), name));
  const configs = stageNames(tree).map((name) => join(tree, 'stages', name, 'config.sh'));
  return [...new Set([spec, ...beside, ...configs])].filter((file) => existsSync(file));
}

function knownNames(settings: string, sources: string): Set<string> {
  const names = new Set<string>();
  for (const [, name] of settings.matchAll(/^[#\s]*(?:export\s+)?([A-Za-z_]\w*)=/gm))
    names.add(name as string);
  for (const [, name] of sources.matchAll(/\$\{?([A-Za-z_]\w*)/g)) names.add(name as string);
  for (const [, name] of sources.matchAll(/\b(?:persist|assert)(?:_\w+)?\s+([A-Za-z_]\w*)/g))
    names.add(name as string);
  return names;
}
