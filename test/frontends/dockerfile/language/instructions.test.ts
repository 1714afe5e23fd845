// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
import { describe, expect, test } from 'vitest';
import {
  parseDockerfile,
  parseTrigger,
  readDockerfile,
} from '../../../../src/frontends/dockerfile/language/dockerfile.ts';
import { expandInstruction } from '../../../../src/frontends/dockerfile/language/expand-instruction.ts';
import type { StageInstruction } from '../../../../src/frontends/dockerfile/language/types.ts';
import { errorOf } from '../support/errors.ts';

const parse = (text: string) => parseDockerfile(text, 'Dockerfile');

function one(text: string): StageInstruction {
  const [instruction] = parse(`FROM a\n${text}`).stages[0]?.instructions ?? [];
  if (instruction === undefined) throw new Error('no instruction');
  return instruction;
}

const set: Readonly<Record<string, string>> = { A: 'x y', N: '7', EMPTY: '' };
const variables = { escape: '\\' as const, lookup: (name: string) => set[name] };
const expanded = (text: string) => expandInstruction(one(text), variables).instruction;

describe('what is read', () => {
  test.each<[string, object]>([
    ['ADD a b /c/', { type: 'add', sources: ['a', 'b'], dest: '/c/', link: false, exclude: [] }],
    [
      'ADD --checksum=sha256:0 --keep-git-dir --unpack=false a /',
      { checksum: 'sha256:0', keepGitDir: true, unpack: false },
    ],
    [
      'ARG a b=c d="e f" g=',
      {
        args: [
          { name: 'a' },
          { name: 'b', value: 'c' },
          { name: 'd', value: '"e f"' },
          { name: 'g', value: '' },
        ],
      },
    ],
    ['CMD echo "a"  b', { command: { argv: ['echo "a"  b'], shell: true } }],
    ['CMD ["echo", "ä\\u00e4\\n"]', { command: { argv: ['echo', 'ää\n'], shell: false } }],
    ['CMD []', { command: { argv: [], shell: false } }],
    ['CMD', { command: { argv: [], shell: true } }],
    ["CMD ['a']", { command: { argv: ["['a']"], shell: true } }],
    ['CMD ["a"] b', { command: { argv: ['["a"] b'], shell: true } }],
    ['CMD ["\\ud800"]', { command: { argv: ['\ufffd'] } }],
    [
      'COPY --from=b --chown=1:2 --chmod=u+x --link --parents --exclude=*.a --exclude=b a /c',
      {
        from: 'b',
        chown: '1:2',
        chmod: 'u+x',
        link: true,
        parents: true,
        exclude: ['*.a', 'b'],
        sources: ['a'],
        dest: '/c',
      },
    ],
    ['COPY ["a b", "/c d"]', { sources: ['a b'], dest: '/c d' }],
    ['COPY --link=false a b', { link: false }],
    [
      'COPY <<A x /d\n1\nA',
      {
        sources: ['x'],
        dest: '/d',
        files: [{ name: 'A', content: '1\n', expand: true }],
      },
    ],
    ['COPY x <<-B /d\n\t2\n\t\t3\nB', { files: [{ name: 'B', content: '2\n3\n', expand: true }] }],
    ['ENTRYPOINT ["/a"]', { type: 'entrypoint', command: { argv: ['/a'], shell: false } }],
    [
      'ENV a=b c="d e" f=g\\ h',
      {
        pairs: [
          { key: 'a', value: 'b', legacy: false },
          { key: 'c', value: '"d e"', legacy: false },
          { key: 'f', value: 'g\\ h', legacy: false },
        ],
      },
    ],
    ['ENV a  b=c "d', { pairs: [{ key: 'a', value: 'b=c "d', legacy: true }] }],
    ['EXPOSE 90 80/udp', { ports: ['80/udp', '90'] }],
    ['HEALTHCHECK NONE', { test: ['NONE'] }],
    ['HEALTHCHECK CMD a b', { test: ['CMD-SHELL', 'a b'] }],
    [
      'HEALTHCHECK --interval=1m30.5s --timeout=10ms --start-period=0s --start-interval=2s --retries=3 CMD ["a"]',
      {
        test: ['CMD', 'a'],
        intervalNs: 90_500_000_000,
        timeoutNs: 10_000_000,
        startIntervalNs: 2_000_000_000,
        retries: 3,
      },
    ],
    ['LABEL "a b"=c', { type: 'label', pairs: [{ key: '"a b"', value: 'c', legacy: false }] }],
    ['MAINTAINER A <a@b>', { name: 'A <a@b>' }],
    ['onbuild  RUN --x a', { trigger: 'RUN --x a', keyword: 'onbuild' }],
    ['ONBUILD COPY <<A /\nx\nA', { trigger: 'COPY <<A /\nx\nA' }],
    [
      'RUN a \\\n  b',
      {
        command: { argv: ['a   b'], shell: true },
        text: 'RUN a   b',
        network: 'default',
        security: 'sandbox',
      },
    ],
    [
      'RUN --network=none --security=insecure ["a"]',
      { network: 'none', security: 'insecure', command: { argv: ['a'] } },
    ],
    [
      'RUN --mount=from=b,target=/c --mount=type=cache,target=/d x',
      { mountSources: ['b'], mountFlags: ['from=b,target=/c', 'type=cache,target=/d'] },
    ],
    ['SHELL ["/bin/bash", "-c"]', { shell: ['/bin/bash', '-c'] }],
    ['STOPSIGNAL SIGTERM', { signal: 'SIGTERM' }],
    ['STOPSIGNAL --x 9', { signal: '9' }],
    ['USER a b', { user: 'a b' }],
    ['VOLUME /a /b', { paths: ['/a', '/b'] }],
    ['VOLUME ["/a b"]', { paths: ['/a b'] }],
    ['WORKDIR /a b', { path: '/a b' }],
  ])('%s', (text, result) => expect(one(text)).toMatchObject(result));

  test('stages, names, platforms, descriptions, global arguments', () => {
    const { globalArgs, stages } = parse(
      '# v the version\nARG v=1\n# b builds\nFROM --platform=$BUILDPLATFORM a:$v As B\nRUN c\nfrom b',
    );
    expect(globalArgs[0]?.args).toEqual([{ name: 'v', value: '1', description: 'the version' }]);
    expect(stages[0]).toMatchObject({
      index: 0,
      name: 'b',
      from: { base: 'a:$v', platform: '$BUILDPLATFORM', description: 'builds' },
    });
    expect(stages[0]?.from).toMatchObject({ writtenName: 'B', asKeyword: 'As' });
    expect(stages[1]).toMatchObject({ index: 1, from: { base: 'b', keyword: 'from' }, instructions: [] });
    expect(stages[1]).not.toHaveProperty('name');
  });

  test('heredocs of RUN', () => {
    expect(one('RUN <<A <<-"B"\n1\nA\n\t2\nB')).toMatchObject({
      heredocs: [
        { name: 'A', content: '1\n', line: 3 },
        { name: 'B', content: '\t2\n', chomp: true, expand: false, line: 5 },
      ],
    });
  });
});

describe('JSON', () => {
  const argv = (text: string) => {
    const cmd = one(`CMD ${text}`);
    return cmd.type === 'cmd' ? cmd.command : undefined;
  };
  test.each<[string, string[]]>([
    ['[]', []],
    ['[""]', ['']],
    ['["a","b"]', ['a', 'b']],
    ['\t[\t"a",\t"b"\t]\t', ['a', 'b']],
    [
      '["abc 123", "♥", "\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000"]',
      ['abc 123', '♥', '" \\ / \b \f \n \r \t \0'],
    ],
  ])('%s', (text, result) => expect(argv(text)).toEqual({ argv: result, shell: false }));
  test.each(['42', '123.456', '{}', '{"c": "d"}', '["c"]', 'true', 'false', 'null'])(
    '["a",%s] is refused',
    (item) => {
      expect(errorOf(() => argv(`["a",${item},"b"]`)).message).toContain('JSON');
    },
  );
  test.each(['["a" "b"]', '["a",]', "['a']", '["a"', '["a"]]', '[a]', '{"a": 1}', '["a\tb"]'])(
    '%s is the shell form',
    (text) => {
      expect(argv(text)).toEqual({ argv: [text], shell: true });
    },
  );
});

test('comments describe stages and arguments', () => {
  const { globalArgs, stages } = parse(
    [
      ...['# foo sets foo', 'ARG foo=bar', '', '# base defines first stage', 'FROM busybox AS base'],
      ...[
        '# this is irrelevant',
        'ARG foo',
        '# bar defines bar',
        '# baz is something else',
        'ARG bar baz=123',
      ],
    ].join('\n'),
  );
  expect(globalArgs[0]?.args[0]?.description).toBe('sets foo');
  expect(stages[0]?.from.description).toBe('defines first stage');
  expect(stages[0]?.instructions).toMatchObject([
    { args: [{ name: 'foo' }] },
    { args: [{ description: 'defines bar' }, { description: 'is something else' }] },
  ]);
  expect(stages[0]?.instructions[0]).not.toHaveProperty('args.0.description');
});

describe('what variables are in', () => {
  test.each<[string, object]>([
    [
      'ENV a=$A "b$N"=\'$A\'',
      {
        pairs: [
          { key: 'a', value: 'x y' },
          { key: 'b7', value: '$A' },
        ],
      },
    ],
    ['LABEL a "$A"', { pairs: [{ key: 'a', value: 'x y' }] }],
    ['COPY --chown=$N --chmod=0$N$N$N $A b$N', { chown: '7', chmod: '0777', sources: ['x y'], dest: 'b7' }],
    ["COPY <<A /\n$N '$N' \\$N\nA", { files: [{ content: "7 '7' $N\n" }] }],
    ['COPY <<"A" /\n$N\nA', { files: [{ content: '$N\n' }] }],
    ['ADD --checksum=$N --exclude=$N a b', { checksum: '7', exclude: ['$N'] }],
    ['WORKDIR /$A', { path: '/x y' }],
    ['USER $N', { user: '7' }],
    ['VOLUME ["/$N"]', { paths: ['/7'] }],
    ['STOPSIGNAL $N', { signal: '7' }],
    ['EXPOSE 80$N ${A}', { ports: ['x', 'y', '807'] }],
    ['CMD $N', { command: { argv: ['$N'] } }],
    ['RUN $N', { command: { argv: ['$N'] } }],
    ['ARG a=$N', { args: [{ value: '$N' }] }],
  ])('%s', (text, result) => {
    const got = expanded(text);
    if (got.type === 'expose')
      expect([...got.ports].sort()).toEqual([...(result as typeof got).ports].sort());
    else expect(got).toMatchObject(result);
  });

  test('what was met is told', () => {
    const { used, unset } = expandInstruction(one('COPY $A ${B:-b} $C'), variables);
    expect([[...used], [...unset]]).toEqual([['A'], ['B', 'C']]);
  });

  test('what can not be expanded points at the word', () => {
    const error = errorOf(() => expanded('COPY a \\\n  ${B:?none}'));
    expect(error).toMatchObject({ code: 'bad-substitution', location: { line: 3, column: 3 } });
    expect(error.message).toContain('B: none');
  });
});

describe('mounts', () => {
  const mount = (flag: string) => {
    const run = expanded(`RUN --mount=${flag} x`);
    return run.type === 'run' ? run.mounts[0] : undefined;
  };
  const secret = { type: 'secret', uid: 0, gid: 0, mode: 0o400, required: false };

  test.each<[string, object]>([
    ['target=/a', { type: 'bind', source: '', target: '/a', readOnly: true }],
    [
      'type=bind,from=b,src=c,dst=d,rw',
      { type: 'bind', from: 'b', source: 'c', target: 'd', readOnly: false },
    ],
    ['target=/a,ro=false', { type: 'bind', source: '', target: '/a', readOnly: false }],
    [
      'type=cache,target=/a/',
      { type: 'cache', id: '/a', target: '/a/', readOnly: false, sharing: 'shared', source: '' },
    ],
    [
      'type=CACHE,id=i$N,target=/a,sharing=locked,uid=$N,gid=8,mode=0750,from=b,source=/c,ro',
      {
        type: 'cache',
        id: 'i7',
        target: '/a',
        readOnly: true,
        sharing: 'locked',
        source: '/c',
        from: 'b',
        uid: 7,
        gid: 8,
        mode: 0o750,
      },
    ],
    ['type=tmpfs,target=/a,size=1.5m', { type: 'tmpfs', target: '/a', readOnly: false, sizeBytes: 1572864 }],
    ['type=tmpfs,target=/a', { type: 'tmpfs', target: '/a', readOnly: false }],
    ['type=secret,id=s', { ...secret, id: 's', target: '/run/secrets/s' }],
    ['type=secret,target=/a/s', { ...secret, id: 's', target: '/a/s' }],
    ['type=secret,source=s,required', { ...secret, id: 's', target: '/run/secrets/s', required: true }],
    ['type=secret,id=s,env=S', { ...secret, id: 's', env: 'S' }],
    [
      'type=secret,id=s,env=S,target=/t,mode=0444,uid=1',
      { ...secret, id: 's', env: 'S', target: '/t', mode: 0o444, uid: 1 },
    ],
    ['type=ssh', { type: 'ssh', id: 'default', required: false, uid: 0, gid: 0, mode: 0o600 }],
    [
      'type=ssh,id=k,target=/s,required=true,mode=0666',
      { type: 'ssh', id: 'k', target: '/s', required: true, uid: 0, gid: 0, mode: 0o666 },
    ],
    ['type=bind,\'"source=a,b"\',target=/c', { type: 'bind', source: 'a,b', target: '/c', readOnly: true }],
  ])('%s', (flag, result) => expect(mount(flag)).toEqual(result));

  test.each([
    ['type=bnd', 'bind'],
    ['tpye=bind', 'type'],
    ['type=cache,sharing=looked', 'locked'],
    ['type=bind,uid=1', 'cache'],
    ['type=bind,required', 'secret'],
    ['type=cache,size=1', 'tmpfs'],
    ['type=secret', 'id=NAME'],
    ['type=cache,mode=999', 'octal'],
    ['type=cache,uid=-1', 'number'],
    ['type=tmpfs,size=x', '64m'],
    ['target', 'target=VALUE'],
    ['type=ssh,source=a', 'id'],
    ['ro=maybe', 'true or false'],
  ])('%s is refused, with a hint', (flag, hint) => {
    const error = errorOf(() => mount(flag));
    expect(error.hint).toContain(hint);
    expect(error.location).toMatchObject({ line: 2, column: 13 });
  });

  test.each(['type=secret,id=a,source=b', 'type=secret,id=a,from=b', '"a', ''])('%j is refused', (flag) => {
    expect(errorOf(() => mount(flag)).exitCode).toBe(2);
  });
});

describe('what is wrong points at its place', () => {
  test.each<[string, string, number, string?]>([
    ['RNU a', 'unknown-instruction', 1, 'Did you mean RUN?'],
    ['  FORM a', 'unknown-instruction', 3, 'Did you mean FROM?'],
    ['COPY --chwon=1 a b', 'unknown-flag', 6, 'Did you mean --chown?'],
    ['COPY a --chown=1 --', 'dockerfile-ok', 0],
    ['RUN --mont=type=cache a', 'unknown-flag', 5, 'Did you mean --mount?'],
    ['ENV --a b=c', 'unknown-flag', 5, 'It takes no flags.'],
    ['COPY --chown=1 --chown=2 a b', 'dockerfile-flag', 16],
    ['COPY --chown a b', 'dockerfile-flag', 6],
    ['COPY --link=yes a b', 'dockerfile-flag', 6],
    ['COPY --link= a b', 'dockerfile-flag', 6],
    ['COPY --from=$a b c', 'dockerfile-syntax', 6],
    ['RUN --mount=from=$a,target=/b c', 'dockerfile-syntax', 13],
    ['RUN --device=a b', 'unsupported', 5],
    ['RUN --network=hots a', 'dockerfile-syntax', 5, 'Did you mean host?'],
    ['RUN --security=none a', 'dockerfile-syntax', 5],
    ['COPY a', 'dockerfile-syntax', 1],
    ['COPY\t\n', 'dockerfile-syntax', 1],
    ['MAINTAINER --boo joe', 'unknown-flag', 12],
    ['foo bar', 'unknown-instruction', 1],
    ['COPY a <<E\nx\nE', 'dockerfile-syntax', 1],
    ['CMD ["a", 1]', 'dockerfile-syntax', 5],
    ['ENV a', 'dockerfile-syntax', 5],
    ['ENV a=b c', 'dockerfile-syntax', 9],
    ['ENV =a', 'dockerfile-syntax', 5],
    ['ENV', 'dockerfile-syntax', 1],
    ['ARG', 'dockerfile-syntax', 1],
    ['ARG =a', 'dockerfile-syntax', 5],
    ['SHELL /bin/sh', 'dockerfile-syntax', 7],
    ['SHELL []', 'dockerfile-syntax', 1],
    ['HEALTHCHECK', 'dockerfile-syntax', 1],
    ['HEALTHCHECK FOO a', 'dockerfile-syntax', 13],
    ['HEALTHCHECK CMD', 'dockerfile-syntax', 1],
    ['HEALTHCHECK NONE a', 'dockerfile-syntax', 1],
    ['HEALTHCHECK --interval=1 CMD a', 'dockerfile-syntax', 13],
    ['HEALTHCHECK --interval=1us CMD a', 'dockerfile-syntax', 13],
    ['HEALTHCHECK --retries=-1 CMD a', 'dockerfile-syntax', 13],
    ['ONBUILD', 'dockerfile-syntax', 1],
    ['ONBUILD ONBUILD RUN a', 'dockerfile-syntax', 9],
    ['ONBUILD FROM a', 'dockerfile-syntax', 9],
    ['FROM', 'dockerfile-syntax', 1],
    ['FROM a b', 'dockerfile-syntax', 1],
    ['FROM a AS 1b', 'dockerfile-syntax', 11],
    ['FROM --platfrom=x a', 'unknown-flag', 6, 'Did you mean --platform?'],
    ['EXPOSE', 'dockerfile-syntax', 1],
    ['VOLUME ["", "/a"]', 'dockerfile-syntax', 8],
    ['WORKDIR', 'dockerfile-syntax', 1],
  ])('%s', (text, code, column, hint) => {
    if (code === 'dockerfile-ok') return void expect(one(text)).toMatchObject({ type: 'copy' });
    const error = errorOf(() => parse(`FROM a\n${text}`));
    expect([error.code, error.location?.line, error.location?.column]).toEqual([code, 2, column]);
    if (hint !== undefined) expect(error.hint).toBe(hint);
    expect(error.message).toMatch(/\.$/);
  });

  test('through continuations', () => {
    const error = errorOf(() => parse('FROM a\nRUN --network=none \\\n# c\n\n   --netwrk=x \\\n a'));
    expect(error.location).toMatchObject({ line: 5, column: 4 });
  });

  test('an instruction before FROM, and no FROM', () => {
    expect(errorOf(() => parse('ARG a\nRUN b')).location).toMatchObject({ line: 2, column: 1 });
    expect(errorOf(() => parse('ARG a')).code).toBe('empty-dockerfile');
  });

  test('what stands before the error can still be checked', () => {
    const { dockerfile, error } = readDockerfile('FROM a AS Bad\nMAINTAINER me\nBADCMD', 'Dockerfile');
    expect(error?.code).toBe('unknown-instruction');
    expect(dockerfile?.stages[0]?.instructions.map(({ type }) => type)).toEqual(['maintainer']);
  });
});

test('triggers of base images', () => {
  const { from } = parse('FROM a').stages[0] ?? {};
  if (from === undefined) throw new Error('no stage');
  expect(parseTrigger('COPY <<A /\nx\nA', from)).toMatchObject({ type: 'copy', files: [{ content: 'x\n' }] });
  for (const trigger of ['RUN a\nRUN b', 'FROM a', 'ONBUILD RUN a', 'COPY a', 'NOPE', '']) {
    expect(errorOf(() => parseTrigger(trigger, from))).toMatchObject({
      code: 'bad-trigger',
      location: { line: 1 },
    });
  }
});
