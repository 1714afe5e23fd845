/** The rules that a Dockerfile is checked against: names and pages as `docker build --check` has them. */

export interface Rule {
  description: string;
  /** Only when asked for by `experimental=`. */
  experimental?: boolean;
  /** There is no page on it. */
  hasNoPage?: boolean;
}

export const rules = {
  StageNameCasing: { description: 'Names of stages are in lower case.' },
  FromAsCasing: { description: 'AS is written in the case of its FROM.' },
  NoEmptyContinuation: { description: 'An instruction is not continued over an empty line.' },
  ConsistentInstructionCasing: { description: 'All keywords of a file are in one case, upper or lower.' },
  DuplicateStageName: { description: 'No two stages have one name.' },
  ReservedStageName: { description: 'No stage is named scratch or context.' },
  JSONArgsRecommended: {
    description: 'CMD and ENTRYPOINT are JSON arrays, so that signals reach the program and not a shell.',
  },
  MaintainerDeprecated: { description: 'A label names the author instead of MAINTAINER.' },
  UndefinedArgInFrom: { description: 'Variables in FROM are declared by an ARG before the first FROM.' },
  WorkdirRelativePath: { description: "A stage's first WORKDIR is absolute." },
  UndefinedVar: { description: 'Variables are defined before they are used.' },
  MultipleInstructionsDisallowed: {
    description: 'CMD, ENTRYPOINT and HEALTHCHECK stand once in a stage, since the last one wins.',
  },
  LegacyKeyValueFormat: { description: 'ENV and LABEL are written with `=`.' },
  InvalidBaseImagePlatform: { description: "A base image is of the build's platform.", hasNoPage: true },
  RedundantTargetPlatform: {
    description: 'FROM does not ask for the target platform, which it has by itself.',
  },
  SecretsUsedInArgOrEnv: { description: 'ARG and ENV hold no secrets: they end up in the image.' },
  InvalidDefaultArgInFrom: { description: 'FROM names an image even when no build argument is given.' },
  FromPlatformFlagConstDisallowed: { description: "FROM's platform is not written out." },
  CopyIgnoredFile: { description: 'What COPY and ADD name is not left out by the ignore file.' },
  InvalidDefinitionDescription: {
    description: 'A comment right above a stage or an ARG starts with its name, and so describes it.',
    experimental: true,
  },
  ExposeProtoCasing: { description: 'Protocols in EXPOSE are in lower case.' },
  ExposeInvalidFormat: { description: 'EXPOSE names neither addresses nor ports of the host.' },
} as const satisfies Readonly<Record<string, Rule>>;

export type RuleName = keyof typeof rules;

export const ruleNames = Object.keys(rules) as readonly RuleName[];

/** The page that explains a rule. */
export function pageOf(name: RuleName): string | undefined {
  const rule: Rule = rules[name];
  if (rule.hasNoPage) return undefined;
  const slug = name.replace(/(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '-').toLowerCase();
  return `https://docs.docker.com/go/dockerfile/rule/${slug}/`;
}
