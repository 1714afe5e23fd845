// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/** Dockerfiles and flags that are wrong: what is said, where it points, which exit code it has. */
import type { Files } from '../support/case.ts';

/** One bad Dockerfile, and what must be said of it. */
export interface BadInput {
  what: string;
  dockerfile: readonly string[] | Buffer;
  files?: Files;
  args?: readonly string[];
  /** In the error's sentence. */
  message: string | RegExp;
  hint?: string | RegExp;
  /** `LINE[:COLUMN]` in the Dockerfile. */
  at?: string;
  /** A line of the excerpt. */
  excerpt?: string;
  /** Default: 2, wrong use. */
  code?: number;
}

const base = ['FROM base'] as const;

export const badLanguage: readonly BadInput[] = [
  {
    what: 'an unknown instruction',
    dockerfile: [...base, 'COPPY a b'],
    message: 'COPPY',
    hint: 'COPY',
    at: '2:1',
    excerpt: 'COPPY a b',
  },
  {
    what: 'an unknown flag',
    dockerfile: [...base, 'COPY --chwon=1 a b'],
    message: '--chwon',
    hint: '--chown',
    at: '2:6',
  },
  {
    what: 'a flag of another instruction',
    dockerfile: [...base, 'RUN --from=x true'],
    message: '--from',
    at: '2:5',
  },
  {
    what: 'an unknown key of a mount',
    dockerfile: [...base, 'RUN --mount=type=cache,targte=/x true'],
    message: 'targte',
    hint: 'target',
    at: '2',
  },
  {
    what: 'an unknown type of mount',
    dockerfile: [...base, 'RUN --mount=type=cahce,target=/x true'],
    message: 'cahce',
    hint: 'cache',
    at: '2',
  },
  {
    what: 'a mount without a target',
    dockerfile: [...base, 'RUN --mount=type=cache true'],
    message: /target/,
    at: '2',
  },
  {
    what: 'a flag that is no switch',
    dockerfile: [...base, 'COPY --link=maybe a b'],
    message: 'maybe',
    at: '2',
  },
  { what: 'a shell that is no JSON', dockerfile: [...base, 'SHELL ["sh", "-c"'], message: /SHELL/, at: '2' },
  {
    what: 'a JSON list with a number',
    dockerfile: [...base, 'CMD ["a", 1]'],
    message: /CMD|string/,
    at: '2',
  },
  {
    what: 'a heredoc that is not closed',
    dockerfile: [...base, 'RUN <<EOF', 'echo 1', 'EOT'],
    message: /EOF/,
    at: '2',
  },
  { what: 'COPY without a destination', dockerfile: [...base, 'COPY a'], message: 'COPY', at: '2' },
  { what: 'ENV without a value', dockerfile: [...base, 'ENV A'], message: 'ENV', at: '2' },
  { what: 'ENV without =', dockerfile: [...base, 'ENV A=1 B'], message: /=/, at: '2' },
  {
    what: 'a variable that is not closed',
    dockerfile: [...base, 'ENV A=1 B=${A'],
    message: /\$\{A|brace|}/,
    at: '2',
  },
  {
    what: 'a modifier that is none',
    dockerfile: [...base, 'ENV A=${B!x}'],
    message: /modifier|\$\{B/,
    at: '2',
  },
  {
    what: 'a variable that must be given',
    dockerfile: [...base, 'ARG V', 'ENV A="${V:?give one}"'],
    message: 'give one',
    at: '3',
  },
  {
    what: 'a duration that is none',
    dockerfile: [...base, 'HEALTHCHECK --interval=soon CMD x'],
    message: 'soon',
    at: '2',
  },
  { what: 'a port that is none', dockerfile: [...base, 'EXPOSE http'], message: 'http', at: '2' },
  { what: 'a signal that is none', dockerfile: [...base, 'STOPSIGNAL SIGNONE'], message: 'SIGNONE', at: '2' },
  {
    what: 'a mode that is none',
    dockerfile: [...base, 'COPY --chmod=99 a b'],
    files: { a: '' },
    message: '99',
    at: '2',
  },
  { what: 'a base without a name', dockerfile: ['FROM'], message: 'FROM', at: '1' },
  { what: 'a base named by nothing', dockerfile: ['ARG B', 'FROM ${B}'], message: /B|blank|empty/, at: '2' },
  { what: 'a stage name that is none', dockerfile: ['FROM base AS 1st!'], message: '1st!', at: '1' },
  { what: 'an instruction before FROM', dockerfile: ['RUN true', 'FROM base'], message: /FROM/, at: '1' },
  { what: 'no instruction at all', dockerfile: ['# nothing'], message: /FROM|instruction|stage/ },
  { what: 'arguments alone', dockerfile: ['ARG A=1'], message: /FROM|stage/ },
];
