/** What a check of the machine found. */

export interface Finding {
  /** What was looked at, in a word or two. */
  name: string;
  /** `limited`: builds run, but something named in `detail` does not. */
  state: 'ok' | 'limited' | 'missing';
  detail: string;
  /** The command (or act) that mends it. */
  mend?: string;
}

export function ok(name: string, detail: string): Finding {
  return { name, state: 'ok', detail };
}

export function limited(name: string, detail: string, mend?: string): Finding {
  return { name, state: 'limited', detail, ...(mend === undefined ? {} : { mend }) };
}

export function missing(name: string, detail: string, mend?: string): Finding {
  return { name, state: 'missing', detail, ...(mend === undefined ? {} : { mend }) };
}
