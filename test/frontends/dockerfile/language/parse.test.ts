// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
import { describe, expect, test } from 'vitest';
import { decodeDockerfile } from '../../../../src/frontends/dockerfile/language/decode.ts';
import { parseDockerfile } from '../../../../src/frontends/dockerfile/language/dockerfile.ts';
import { parseRaw } from '../../../../src/frontends/dockerfile/language/parse.ts';
import { UserError } from '../../../../src/kit/errors.ts';
import { errorOf } from '../support/errors.ts';

function parse(text: string) {
  const { instructions, ...rest } = parseRaw(text, 'Dockerfile');
  return { instructions: [...instructions], ...rest };
}
const texts = (text: string) => parse(text).instructions.map((one) => one.text);
const spans = (text: string) =>
  parse(text).instructions.map(({ location }) => [location.line, location.endLine]);

describe('lines', () => {
  test.each<[string, string, string[]]>([
    ['spaces around', '  \t FROM a  \n\n\tRUN b\t', ['FROM a', 'RUN b']],
    ['comments between', '# c\nFROM a\n  # d\nRUN b # no comment', ['FROM a', 'RUN b # no comment']],
    ['continuation', 'FROM a\nRUN b \\\n  c\\\nd', ['FROM a', 'RUN b   cd']],
    ['spaces behind the token', 'RUN b \\ \t \nc', ['RUN b c']],
    ['a comment within', 'RUN b \\\n# c\n  # d\n  e', ['RUN b   e']],
    ['an empty line within', 'RUN b \\\n\n\nc\nRUN d', ['RUN b c', 'RUN d']],
    ['an escaped token continues nothing', 'RUN b \\\\\nRUN c', ['RUN b \\\\', 'RUN c']],
    ['the token alone', '\\\nRUN b', ['RUN b']],
    ['at the end of the file', 'RUN b \\', ['RUN b']],
    ['a comment and the end', 'RUN b \\\n# c', ['RUN b']],
    ['CRLF', 'FROM a\r\nRUN b \\\r\n  c\r\n', ['FROM a', 'RUN b   c']],
    ['a byte order mark', '\ufeffFROM a', ['FROM a']],
  ])('%s', (_, text, result) => expect(texts(text.replace(/^\ufeff/, ''))).toEqual(result));

  test('each instruction knows its lines', () => {
    const file = '# c\n\nFROM a\nRUN b \\\n c\n\nRUN <<E\nx\nE\nRUN d';
    expect(spans(file)).toEqual([
      [3, 3],
      [4, 5],
      [7, 9],
      [10, 10],
    ]);
  });

  test('continuation over an empty line is told, at its last line', () => {
    const { emptyContinuations } = parse('FROM a\nRUN b \\\n\nc\nRUN d \\\n  \n\n  e');
    expect(emptyContinuations.map(({ line }) => line)).toEqual([4, 8]);
  });

  test('comments above: an empty one starts anew, directives are none', () => {
    const { instructions } = parse('# syntax=a\n# one\n#\n# two\n\n#three\nFROM a\nRUN b');
    expect(instructions.map(({ comments }) => comments)).toEqual([['two', 'three'], []]);
  });
});

describe('directives', () => {
  test('before anything else', () => {
    const { directives, escapeToken } = parse(
      '# syntax = docker/dockerfile:1 \n#ESCAPE=`\n# check=skip=all\nFROM a',
    );
    expect(directives.syntax?.value).toBe('docker/dockerfile:1');
    expect(directives.check).toEqual({
      value: 'skip=all',
      location: { file: 'Dockerfile', line: 3, column: 1, endLine: 3 },
    });
    expect(escapeToken).toBe('`');
  });
  test.each([
    ['behind a comment', '# hello\n# escape=`\nFROM a'],
    ['behind an empty line', '\n# escape=`\nFROM a'],
    ['behind an instruction', 'FROM a\n# escape=`\nRUN b'],
    ['behind one that is unknown', '# foo=bar\n# escape=`\nFROM a'],
    ['without a value', '# escape=\nFROM a'],
  ])('%s: a comment', (_, text) => expect(parse(text).escapeToken).toBe('\\'));
  test('behind #!: check and syntax hold', () => {
    const { directives, escapeToken } = parse('#!/usr/bin/env x\n# check=skip=all\n# escape=`\nFROM a');
    expect([directives.check?.value, escapeToken]).toEqual(['skip=all', '\\']);
  });
  test('another escape token', () => {
    expect(texts('# escape=`\nFROM a\nRUN dir `\n C:\\\nRUN b')).toEqual([
      'FROM a',
      'RUN dir  C:\\',
      'RUN b',
    ]);
  });
  test('twice, or an escape token that is none', () => {
    expect(errorOf(() => parse('# escape=`\n# escape=\\\nFROM a')).location).toMatchObject({ line: 2 });
    expect(errorOf(() => parse('# escape=x\nFROM a')).location).toMatchObject({ line: 1 });
  });
});

describe('flags', () => {
  test.each<[string, string[], string]>([
    ['RUN --mount=a --b=c d', ['--mount=a', '--b=c'], 'd'],
    ['RUN --a="b c" --d=\'e f\' g', ['--a=b c', '--d=e f'], 'g'],
    ['RUN --a=b\\ c d', ['--a=b c'], 'd'],
    ['RUN -- --a b', [], '--a b'],
    ['RUN a --b', [], 'a --b'],
    ['RUN --a', ['--a'], ''],
    ['RUN --', [], ''],
    ['RUN - a', [], '- a'],
    ['COPY --chown=jürgen a b', ['--chown=jürgen'], 'a b'],
  ])('%s', (text, flags, rest) => {
    const [one] = parse(text).instructions;
    expect(one?.flags.map((flag) => flag.text)).toEqual(flags);
    expect(one?.rest).toBe(rest);
  });
});

describe('heredocs', () => {
  const heredocs = (text: string) =>
    parse(text).instructions.flatMap((one) => one.heredocs.map(({ line: _, ...heredoc }) => heredoc));
  const plain = { fileDescriptor: 0, expand: true, chomp: false };

  test.each<[string, string, object[]]>([
    ['one', 'RUN <<EOF\na\n  b\n# c\nEOF', [{ ...plain, name: 'EOF', content: 'a\n  b\n# c\n' }]],
    ['none inside', 'RUN <<EOF\nEOF', [{ ...plain, name: 'EOF', content: '' }]],
    ['quoted', `RUN <<'EOF'\n$a\nEOF`, [{ ...plain, name: 'EOF', expand: false, content: '$a\n' }]],
    ['in double quotes', 'RUN <<"E F"\nx\nE F', [{ ...plain, name: 'E F', expand: false, content: 'x\n' }]],
    ['quoted in part', `RUN <<E'O'F\nx\nEOF`, [{ ...plain, name: 'EOF', expand: false, content: 'x\n' }]],
    ['with a dash', 'RUN <<-EOF\n\ta\n\t\tEOF', [{ ...plain, name: 'EOF', chomp: true, content: '\ta\n' }]],
    ['a space before the name', 'RUN << EOF\nx\nEOF', [{ ...plain, name: 'EOF', content: 'x\n' }]],
    [
      'a descriptor',
      'RUN 3<<EOF cat\nx\nEOF',
      [{ ...plain, fileDescriptor: 3, name: 'EOF', content: 'x\n' }],
    ],
    [
      'several',
      'COPY <<A <<B /\na\nA\nb\nB',
      [
        { ...plain, name: 'A', content: 'a\n' },
        { ...plain, name: 'B', content: 'b\n' },
      ],
    ],
    ['CRLF', 'RUN <<EOF\r\na\r\nEOF\r\n', [{ ...plain, name: 'EOF', content: 'a\r\n' }]],
    ['in ONBUILD', 'ONBUILD RUN <<EOF\na\nEOF', [{ ...plain, name: 'EOF', content: 'a\n' }]],
    ['a variable as name', 'RUN <<$X\na\n$X', [{ ...plain, name: '$X', content: 'a\n' }]],
    ['behind a pipe', 'RUN cat <<EOF | tee x\na\nEOF', [{ ...plain, name: 'EOF', content: 'a\n' }]],
    ['continued', 'RUN a \\\n <<EOF\nx \\\ny\nEOF', [{ ...plain, name: 'EOF', content: 'x \\\ny\n' }]],
    ['an escaped quote', "RUN <<eo\\'f\nx\neo'f", [{ ...plain, name: "eo'f", content: 'x\n' }]],
    ['both', "RUN <<'e'o\\'f\nx\neo'f", [{ ...plain, name: "eo'f", expand: false, content: 'x\n' }]],
    ['spaces and a redirection', 'RUN <<  EOF  > foo\nEOF', [{ ...plain, name: 'EOF', content: '' }]],
    ['behind a flag', 'RUN --mount=target=/a <<M\nx\nM', [{ ...plain, name: 'M', content: 'x\n' }]],
    [
      'behind an assignment of a file name',
      'COPY <<file.txt /a\nx\nfile.txt',
      [{ ...plain, name: 'file.txt', content: 'x\n' }],
    ],
    [
      'names within each other',
      'COPY <<X <<Y /dest\nY\nX\nX\nY',
      [
        { ...plain, name: 'X', content: 'Y\n' },
        { ...plain, name: 'Y', content: 'X\n' },
      ],
    ],
    ['USER', 'USER <<INVALID\nINVALID', []],
    ['quoted words are none', 'RUN echo "<<EOF" \'<<EOF\'', []],
    ['here strings are none', 'RUN cat <<<EOF', []],
    ['shifts are none', 'RUN echo $((1<<2)) x<<3', []],
    ['no name', 'RUN <<\nRUN x', []],
    ['an open quote', "RUN echo don't <<EOF", []],
    ['JSON', 'RUN ["<<EOF"]', []],
    ['other instructions', 'CMD <<EOF\nENV a=<<EOF', []],
    ['ONBUILD ONBUILD', 'ONBUILD ONBUILD RUN <<EOF', []],
  ])('%s', (_, text, result) => expect(heredocs(text)).toEqual(result));

  test('what follows the end is another instruction', () => {
    expect(texts('RUN <<EOF\nFROM x\nEOF\nRUN b')).toEqual(['RUN <<EOF', 'RUN b']);
  });
  test.each(['RUN <<EOF\na\n EOF', 'RUN <<EOF', 'RUN <<A <<B\nb\nB\nA'])('%j is not closed', (text) => {
    const error = errorOf(() => parse(`FROM a\n${text}`));
    expect([error.code, error.location?.line, error.location?.column]).toEqual(['unclosed-heredoc', 2, 5]);
  });
});

describe('what is no Dockerfile', () => {
  test.each(['', '\n\n', '# only\n# comments', '# escape=`'])('%j', (text) => {
    expect(errorOf(() => parse(text)).code).toBe('empty-dockerfile');
  });
  test('NUL, bytes that are no UTF-8, UTF-16: the line is told', () => {
    const decode = (bytes: Uint8Array) => errorOf(() => decodeDockerfile(bytes, 'Dockerfile'));
    expect(decode(Buffer.from('FROM a\nRUN \0'))).toMatchObject({
      code: 'dockerfile-not-text',
      location: { line: 2 },
    });
    const latin = Buffer.from('FROM a\n\nRUN \xe9', 'latin1');
    expect(decode(latin)).toMatchObject({ code: 'dockerfile-not-text', location: { line: 3 } });
    expect(decode(Buffer.from('\ufeffFROM a', 'utf16le')).message).toContain('UTF-16');
    expect(decodeDockerfile(Buffer.from('\ufeffFROM ä'), 'Dockerfile')).toBe('FROM ä');
  });
});

test('10 MB take linear time, whatever they hold', () => {
  const size = 10_000_000;
  const fill = (piece: string) => piece.repeat(size / piece.length);
  const inputs = [
    `FROM a\n${fill('#a\n')}`,
    `FROM a\n${fill('RUN x\n')}`,
    `RUN a \\\n${fill(' b \\\n')}c`,
    `RUN a \\\n${fill('\n\n\n\n\n')}c`,
    `RUN ${fill(' \\ \\')}`,
    `RUN <<E\n${fill('E \n')}E`,
    `RUN ${fill('<<E ')}`.slice(0, 10_000) + fill('x'),
    `RUN [${fill('"a",')}"b"]`,
    `ENV ${fill('a=b ')}`,
    `COPY ${fill('--a=b ')}`,
  ];
  for (const input of inputs) {
    const start = process.cpuUsage();
    try {
      parseDockerfile(input.startsWith('FROM') ? input : `FROM a\n${input}`, 'Dockerfile');
    } catch (error) {
      expect(error).toBeInstanceOf(UserError);
    }
    expect(process.cpuUsage(start).user, input.slice(0, 20)).toBeLessThan(8_000_000);
  }
});
