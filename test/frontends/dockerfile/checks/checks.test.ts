// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
import { describe, expect, test } from 'vitest';
import {
  checkBasePlatform,
  checkIgnored,
  checkUndefined,
} from '../../../../src/frontends/dockerfile/checks/build-rules.ts';
import { type CheckFacts, checkDockerfile } from '../../../../src/frontends/dockerfile/checks/check.ts';
import { createChecker } from '../../../../src/frontends/dockerfile/checks/checker.ts';
import {
  checkOptionsOf,
  everyRule,
  parseCheckOptions,
} from '../../../../src/frontends/dockerfile/checks/options.ts';
import { canNameImage } from '../../../../src/frontends/dockerfile/checks/reference.ts';
import { pageOf, ruleNames } from '../../../../src/frontends/dockerfile/checks/rules.ts';
import { parseDockerfile, readDockerfile } from '../../../../src/frontends/dockerfile/language/dockerfile.ts';
import { expandInstruction } from '../../../../src/frontends/dockerfile/language/expand-instruction.ts';
import { errorOf } from '../support/errors.ts';

const native = { os: 'linux', architecture: 'amd64' };
const predefined = { BUILDPLATFORM: 'linux/amd64', TARGETPLATFORM: 'linux/amd64', TARGETARCH: 'amd64' };
const facts: CheckFacts = { predefined, buildArgs: {}, native };

/** `Rule line` for each warning. */
function check(text: string, more: Partial<CheckFacts> = {}, argument?: string): string[] {
  const dockerfile = parseDockerfile(text, 'Dockerfile');
  const checker = createChecker(checkOptionsOf(dockerfile, argument));
  checkDockerfile(checker, dockerfile, { ...facts, ...more });
  return checker.warnings().map(({ rule, location }) => `${rule} ${location.line}`);
}

interface Row {
  name: string;
  file: readonly string[];
  warnings: readonly string[];
  facts?: Partial<CheckFacts>;
}

const s = 'FROM scratch';
const rows: readonly Row[] = [
  {
    name: 'descriptions that fit',
    file: [
      '# check=skip=all;experimental=InvalidDefinitionDescription',
      ...[
        '# foo this is the foo',
        'ARG foo=bar',
        '',
        '# base this is the base image',
        'FROM scratch AS base',
        '',
      ],
      ...[
        '# baz is that',
        'ARG foo=baz bar=qux baz=quux',
        '#',
        'ARG bit=bat',
        '# another',
        'COPY Dockerfile .',
      ],
    ],
    warnings: [],
  },
  {
    name: 'descriptions that do not',
    file: [
      '# check=experimental=InvalidDefinitionDescription',
      ...['# bar this is the bar', 'ARG foo=bar', '# BasE this is the BasE image', 'FROM scratch AS base'],
      ...['# a bad comment', 'ARG version=latest', '# a bad comment', 'ARG foo=baz bar=qux baz=quux'],
    ],
    warnings: [3, 5, 7, 9].map((line) => `InvalidDefinitionDescription ${line}`),
  },
  { name: 'they are experimental', file: ['', '# bad', 'ARG foo', s], warnings: [] },
  {
    name: 'secrets',
    file: [
      ...[s, 'ARG SECRET_PASSPHRASE', 'ENV SUPER_Secret=foo', 'ENV password=bar secret=baz'],
      ...[
        'ARG super_duper_secret_token=foo auth=bar',
        'ENV apikey=bar sunflower=foo',
        'ENV git_key=',
        'ENV PUBLIC_KEY=',
      ],
      ...['ARG public_token', 'ARG SECRET_PASSPHRASE_FILE', 'ENV password_file=bar secret_File=baz'],
      ...[
        'ARG AUTH_MODULE_VERSION',
        'ENV keyboard=x monkey=y',
        '# check=skip=SecretsUsedInArgOrEnv // it is none',
      ],
      ...[
        'ENV password=bar',
        '# check=skip=all // here only',
        'ARG password',
        'ARG password',
        'LABEL token=x',
      ],
    ],
    warnings: [2, 3, 4, 4, 5, 5, 6, 7, 18].map((line) => `SecretsUsedInArgOrEnv ${line}`),
  },
  {
    name: 'stage names',
    file: ['# a', 'FROM scratch AS BadName', '', 'FROM scratch as base2', 'FROM scratch AS base3'],
    warnings: ['StageNameCasing 2', 'FromAsCasing 4'],
  },
  {
    name: 'from … AS',
    file: ['from scratch AS base', 'from scratch as base2'],
    warnings: ['FromAsCasing 1'],
  },
  {
    name: 'mixed case is another rule',
    file: ['From scratch as a', 'FROM a AS b'],
    warnings: ['ConsistentInstructionCasing 1'],
  },
  {
    name: 'empty continuation',
    file: [s, '# x', 'COPY Dockerfile \\', '', '.', 'COPY Dockerfile \\', '.'],
    warnings: ['NoEmptyContinuation 5'],
  },
  {
    name: 'upper majority',
    file: [s, 'copy a /b', 'COPY a /c'],
    warnings: ['ConsistentInstructionCasing 2'],
  },
  {
    name: 'lower majority',
    file: ['frOM scratch as a', 'from scratch as b'],
    warnings: ['ConsistentInstructionCasing 1'],
  },
  {
    name: 'lower majority, upper keyword',
    file: ['from scratch', 'COPY a /b', 'copy a /c'],
    warnings: ['ConsistentInstructionCasing 2'],
  },
  {
    name: 'a draw is for upper',
    file: ['from scratch', 'COPY a /b'],
    warnings: ['ConsistentInstructionCasing 1'],
  },
  { name: 'all lower', file: ['from scratch', 'copy a /b'], warnings: [] },
  { name: 'heredocs are no keywords', file: [s, "RUN <<'EOT'", 'env', 'EOT'], warnings: [] },
  {
    name: 'duplicate stages',
    file: ['FROM scratch AS b', 'FROM scratch AS b'],
    warnings: ['DuplicateStageName 2'],
  },
  { name: 'no duplicates', file: ['FROM scratch AS b1', 'FROM scratch AS b2', s, s], warnings: [] },
  {
    name: 'reserved names',
    file: ['FROM scratch AS scratch', 'FROM scratch AS context', s, 'FROM scratch AS a'],
    warnings: ['ReservedStageName 1', 'ReservedStageName 2'],
  },
  { name: 'CMD in a shell', file: [s, 'CMD a'], warnings: ['JSONArgsRecommended 2'] },
  { name: 'ENTRYPOINT in a shell', file: [s, 'ENTRYPOINT a'], warnings: ['JSONArgsRecommended 2'] },
  { name: 'with SHELL', file: [s, 'SHELL ["/x"]', 'CMD a', 'ENTRYPOINT a'], warnings: [] },
  {
    name: 'with a SHELL of the base stage',
    file: ['FROM scratch AS base', 'SHELL ["/x"]', 'FROM base', 'CMD a'],
    warnings: [],
  },
  {
    name: 'with a SHELL of the image',
    file: ['FROM image', 'CMD a'],
    warnings: [],
    facts: { hasImageShell: () => true },
  },
  { name: 'silenced', file: [s, '# check=skip=JSONArgsRecommended', 'CMD a'], warnings: [] },
  { name: 'MAINTAINER', file: [s, 'MAINTAINER me'], warnings: ['MaintainerDeprecated 2'] },
  {
    name: 'MAINTAINER silenced',
    file: [s, '# check=skip=MaintainerDeprecated', 'MAINTAINER me'],
    warnings: [],
  },
  { name: 'declared in FROM', file: ['ARG base=scratch', 'FROM $base'], warnings: [] },
  { name: 'predefined in FROM', file: ['FROM --platform=$BUILDPLATFORM scratch'], warnings: [] },
  {
    name: 'declared without a value',
    file: ['ARG DEBUG', 'FROM scratch${DEBUG}', 'FROM scra${DEBUG:-tch}'],
    warnings: [],
  },
  { name: 'empty, not unset', file: ['ARG DEBUG=""', 'FROM scratch${DEBUG-@bogus}'], warnings: [] },
  {
    name: 'a slip in --platform',
    file: ['FROM --platform=$BULIDPLATFORM scratch'],
    warnings: ['UndefinedArgInFrom 1'],
  },
  {
    name: 'a slip in part of it',
    file: ['ARG MY_ARCH=amd64', 'FROM --platform=linux/${MYARCH} busybox'],
    warnings: ['UndefinedArgInFrom 2'],
  },
  {
    name: 'undeclared in FROM',
    file: ['ARG tag=latest', 'FROM busybox:${tag}${version} AS b'],
    warnings: ['UndefinedArgInFrom 2'],
  },
  { name: 'relative WORKDIR', file: [s, 'WORKDIR app/', 'WORKDIR b'], warnings: ['WorkdirRelativePath 2'] },
  {
    name: 'relative to the base stage',
    file: ['FROM scratch AS a', 'WORKDIR /app', 'FROM a AS b', 'WORKDIR sub/'],
    warnings: [],
  },
  {
    name: 'several of one kind',
    file: [
      ...[s, 'ENTRYPOINT ["/a"]', 'ENTRYPOINT ["/b"]', 'CMD ["/a"]', 'CMD ["/b"]', 'HEALTHCHECK CMD ["/a"]'],
      ...['COPY <<EOF /a', 'x', 'EOF', 'HEALTHCHECK NONE'],
    ],
    warnings: [2, 4, 6].map((line) => `MultipleInstructionsDisallowed ${line}`),
  },
  {
    name: 'one in each stage',
    file: ['FROM scratch AS a', 'CMD ["/a"]', 'FROM a AS b', 'CMD ["/b"]'],
    warnings: [],
  },
  {
    name: 'without =',
    file: [s, 'ENV k v', 'LABEL k v', 'ENV k=v', '# check=skip=LegacyKeyValueFormat', 'ENV k v'],
    warnings: ['LegacyKeyValueFormat 2', 'LegacyKeyValueFormat 3'],
  },
  {
    name: 'stages that are not built',
    file: ['FROM scratch AS a', 'FROM a AS b', 'ENV k v', 'MAINTAINER me', 'FROM a AS c'],
    warnings: ['MaintainerDeprecated 4'],
    facts: { stages: new Set([0, 2]) },
  },
  {
    name: 'the target platform',
    file: [
      'FROM --platform=$TARGETPLATFORM scratch',
      'FROM --platform=${TARGETPLATFORM} scratch',
      'FROM --platform=linux/$TARGETARCH scratch',
    ],
    warnings: ['RedundantTargetPlatform 1', 'RedundantTargetPlatform 2'],
  },
  {
    name: 'no default',
    file: ['ARG VERSION', 'FROM busybox:$VERSION'],
    warnings: ['InvalidDefaultArgInFrom 2'],
    facts: { buildArgs: { VERSION: '1' } },
  },
  {
    name: 'no name',
    file: ['ARG IMAGE', 'FROM $IMAGE'],
    warnings: ['InvalidDefaultArgInFrom 2'],
    facts: { buildArgs: { IMAGE: 'a' } },
  },
  {
    name: 'half a name',
    file: ['ARG SFX="box:"', 'FROM busy${SFX}'],
    warnings: ['InvalidDefaultArgInFrom 2'],
    facts: { buildArgs: { SFX: 'box:1' } },
  },
  { name: 'a default', file: ['ARG VERSION="latest"', 'FROM busybox:${VERSION}'], warnings: [] },
  { name: 'an empty default', file: ['ARG V=""', 'ARG W', 'FROM busybox:stable${V}${W}'], warnings: [] },
  {
    name: 'a constant platform',
    file: [
      'FROM --platform=linux/amd64 scratch',
      'FROM --platform=linux/amd64 scratch AS my_amd64',
      'FROM --platform=linux/amd64 scratch AS linux',
    ],
    warnings: ['FromPlatformFlagConstDisallowed 1'],
  },
  {
    name: 'protocols',
    file: [s, 'EXPOSE 80/TcP 8080/TCP 8080/udp'],
    warnings: ['ExposeProtoCasing 2', 'ExposeProtoCasing 2'],
  },
  {
    name: 'ports of the host',
    file: [s, 'EXPOSE 127.0.0.1:80:80 [::1]:8080:8080 5000:5000 8000'],
    warnings: Array.from({ length: 3 }, () => 'ExposeInvalidFormat 2'),
  },
];

describe('rules', () => {
  test.each(rows)('$name', (row) => {
    expect(check(row.file.join('\n'), row.facts)).toEqual(row.warnings);
  });

  test('each rule of the text is in the table', () => {
    const builders = ['UndefinedVar', 'InvalidBaseImagePlatform', 'CopyIgnoredFile'];
    const covered = new Set(rows.flatMap(({ warnings }) => warnings.map((one) => one.split(' ')[0] ?? '')));
    expect([...covered, ...builders].sort()).toEqual([...ruleNames].sort());
  });

  test('warnings stand though an error follows', () => {
    const { dockerfile } = readDockerfile('FROM scratch AS BadName\nMAINTAINER me\nBADCMD', 'Dockerfile');
    if (dockerfile === undefined) throw new Error('nothing read');
    const checker = createChecker(everyRule);
    checkDockerfile(checker, dockerfile, facts);
    expect(checker.warnings().map(({ rule }) => rule)).toEqual(['StageNameCasing', 'MaintainerDeprecated']);
  });

  test('messages suggest, and pages explain', () => {
    const dockerfile = parseDockerfile('FROM --platform=$BULIDPLATFORM scratch', 'Dockerfile');
    const checker = createChecker(everyRule);
    checkDockerfile(checker, dockerfile, facts);
    expect(checker.warnings()[0]?.message).toContain('Did you mean $BUILDPLATFORM?');
    expect(pageOf('JSONArgsRecommended')).toBe(
      'https://docs.docker.com/go/dockerfile/rule/json-args-recommended/',
    );
    expect(pageOf('SecretsUsedInArgOrEnv')).toMatch(/secrets-used-in-arg-or-env\/$/);
    expect(pageOf('FromPlatformFlagConstDisallowed')).toMatch(/from-platform-flag-const-disallowed\/$/);
    expect(pageOf('InvalidBaseImagePlatform')).toBeUndefined();
  });
});

describe('options', () => {
  const body = 'FROM scratch as base\ncopy a .';
  test.each<[string, string[], string?]>([
    ['#check=skip=all', []],
    ['#check=skip=all;error=true', []],
    ['#check=skip=ConsistentInstructionCasing,FromAsCasing', []],
    ['#check=skip=ConsistentInstructionCasing', ['FromAsCasing 2']],
    ['#check=skip=all', ['FromAsCasing 2'], 'skip=ConsistentInstructionCasing;error=true'],
    ['#check=error=true', [], 'skip=all'],
    ['# Check = skip=FromAsCasing and more', ['ConsistentInstructionCasing 3']],
  ])('%s: %j %s', (directive, warnings, argument) => {
    expect(check(`${directive}\n${body}`, {}, argument)).toEqual(warnings);
  });

  test('error=true fails when something is found', () => {
    const fail = (text: string) => {
      const dockerfile = parseDockerfile(text, 'Dockerfile');
      const checker = createChecker(checkOptionsOf(dockerfile));
      checkDockerfile(checker, dockerfile, facts);
      return checker.failure();
    };
    expect(fail(`#check=skip=ConsistentInstructionCasing;error=true\n${body}`)).toMatchObject({
      code: 'check-failed',
      exitCode: 2,
      location: { line: 2 },
    });
    expect(fail(`#check=skip=all;error=true\n${body}`)).toBeUndefined();
    expect(fail(body)).toBeUndefined();
  });

  test.each(['foo', 'foo=bar', 'error=maybe', 'skip=a;x'])('%s is refused', (text) => {
    expect(parseCheckOptions(text)).toHaveProperty('wrong');
    const dockerfile = parseDockerfile(`# check=${text}\n${body}`, 'Dockerfile');
    expect(errorOf(() => checkOptionsOf(dockerfile))).toMatchObject({ location: { line: 1 } });
    expect(errorOf(() => checkOptionsOf(dockerfile, text)).code).toBe('bad-check-options');
  });
});

describe('rules that the planner asks for', () => {
  function stage(text: string) {
    const [first] = parseDockerfile(text, 'Dockerfile').stages;
    const [instruction] = first?.instructions ?? [];
    if (first === undefined || instruction === undefined) throw new Error('no instruction');
    return { from: first.from, instruction };
  }

  test.each([
    ['COPY $foo .', [], ['$foo is used and not defined.']],
    ['COPY $foo .', ['foo'], []],
    ['COPY $DIR_ASSET .', [], ['$DIR_ASSET is used and not defined. Did you mean $DIR_ASSETS?']],
    ['ENV PATH=$PAHT:/bin', [], ['$PAHT is used and not defined. Did you mean $PATH?']],
    ['RUN echo $foo', [], []],
    ['COPY ${BUILDKIT_SBOM_SCAN_STAGE:-a} .', [], []],
  ])('UndefinedVar: %s with %j', (text, declared, messages) => {
    const { instruction } = stage(`FROM scratch\n${text}`);
    const checker = createChecker(everyRule);
    const { unset } = expandInstruction(instruction, { escape: '\\', lookup: () => undefined });
    checkUndefined(checker, instruction, unset, {
      declared: new Set(declared),
      known: ['DIR_ASSETS', 'PATH'],
    });
    expect(checker.warnings().map(({ message }) => message)).toEqual(messages);
  });

  test.each<[string[], string[], number]>([
    [['Dockerfile'], ['Dockerfile'], 1],
    [['./Dockerfile'], ['Dockerfile'], 1],
    [['a/b'], ['a'], 1],
    [['a'], ['a/b'], 0],
    [['Dockerfile'], ['**', '!Dockerfile'], 0],
    [['.'], ['.*'], 0],
    [['.'], ['*'], 1],
    [['/'], ['**'], 1],
    [['a', 'b', 'c'], ['[ab]'], 2],
    [['a'], [], 0],
  ])('CopyIgnoredFile: %j with %j: %d', (sources, patterns, count) => {
    const { instruction } = stage('FROM scratch\nCOPY a b');
    const checker = createChecker(everyRule);
    checkIgnored(checker, instruction, sources, patterns);
    expect(checker.warnings().map(({ rule }) => rule)).toEqual(
      Array.from({ length: count }, () => 'CopyIgnoredFile'),
    );
  });

  test('InvalidBaseImagePlatform', () => {
    const { from } = stage('FROM image\nRUN a');
    const checker = createChecker(everyRule);
    const arm = { os: 'linux', architecture: 'arm64' };
    checkBasePlatform(checker, from, {
      image: 'image',
      expected: native,
      actual: { ...native, architecture: 'x86_64' },
    });
    expect(checker.warnings()).toEqual([]);
    checkBasePlatform(checker, from, { image: 'image', expected: native, actual: arm });
    expect(checker.warnings()).toMatchObject([{ rule: 'InvalidBaseImagePlatform', location: { line: 1 } }]);
  });
});

test.each<[string, boolean]>([
  ['busybox', true],
  ['busybox:1', true],
  ['a/b/c:x', true],
  ['localhost:5000/a', true],
  ['a.b/c', true],
  ['A/b', true],
  [`a@sha256:${'0'.repeat(64)}`, true],
  ['', false],
  ['busybox:', false],
  ['Busybox', false],
  ['a//b', false],
  ['scratch@bogus', false],
  ['-a', false],
  ['0'.repeat(64), false],
  ['a__b.c-d', true],
  ['a___b', false],
])('%s names an image: %j', (text, result) => expect(canNameImage(text)).toBe(result));
