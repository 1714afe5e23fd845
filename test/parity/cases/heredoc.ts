// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are variables of Dockerfiles
/** Heredocs, which came with frontend 1.4: the reference says what is expected. */
import type { Case, Expectation } from '../support/case.ts';

const reference = 'heredocs came with frontend 1.4';

const here = (name: string, lines: readonly string[], expect: Expectation): Case => ({
  name,
  dockerfile: ['FROM base', ...lines],
  reference,
  expect,
});
const file = (text: string, head = 'file 644 0:0') => `${head} ${JSON.stringify(text)}`;

export const heredocCases: readonly Case[] = [
  here('a script of several lines', ['RUN <<EOF', 'echo one > /f', 'X=two', 'echo $X >> /f', 'EOF'], {
    tree: { f: file('one\ntwo\n') },
    history: ['RUN /bin/sh -c echo one > /f\nX=two\necho $X >> /f\n # buildkit'],
  }),
  here('a script does not stop at a failing line', ['RUN <<EOF', 'false', 'echo on > /f', 'EOF'], {
    tree: { f: file('on\n') },
  }),
  here(
    'a script with its own interpreter',
    ['RUN <<EOF', '#!/bin/awk -f', 'BEGIN { print "awk" > "/f" }', 'EOF'],
    {
      tree: { f: file('awk\n') },
    },
  ),
  here('a script without tabs in front', ['RUN <<-EOF', '\t\techo one > /f', '\tEOF'], {
    tree: { f: file('one\n') },
  }),
  here('a script on the input of a command', ['RUN <<EOF cat > /f', 'text $HOME', 'EOF'], {
    tree: { f: file('text /root\n') },
  }),
  here('a quoted word keeps dollars', ["RUN <<'EOF' cat > /f", 'text $HOME', 'EOF'], {
    tree: { f: file('text $HOME\n') },
  }),
  here('two documents for one command', ['RUN cat <<A > /a && cat <<B > /b', 'first', 'A', 'second', 'B'], {
    tree: { a: file('first\n'), b: file('second\n') },
  }),
  here('documents by number', ['RUN <<A 3<<B sh -c "cat; cat <&3" > /f', 'one', 'A', 'three', 'B'], {
    tree: { f: file('one\nthree\n') },
  }),
  here(
    'a script in a shell of its own',
    ['SHELL ["/bin/sh", "-ec"]', 'RUN <<EOF', 'echo $- | grep -c e > /f', 'EOF'],
    {
      tree: { f: file('1\n') },
    },
  ),
  here(
    'a script with variables of the build',
    ['ARG A=arg', 'ENV B=env', 'RUN <<EOF', 'echo $A $B > /f', 'EOF'],
    {
      tree: { f: file('arg env\n') },
    },
  ),
  here(
    'a script with mounts',
    ['RUN --mount=type=tmpfs,target=/srv <<EOF', 'ls -A /srv | wc -l > /f', 'EOF'],
    {
      tree: { f: file('0\n') },
    },
  ),
  here(
    'lines that would be instructions',
    ['RUN <<EOF', 'cat > /f <<X', 'FROM nothing', '# no comment', '', 'X', 'EOF'],
    {
      tree: { f: file('FROM nothing\n# no comment\n\n') },
    },
  ),
  here('a file', ['COPY <<EOF /d/f', 'one', '  two', 'EOF'], {
    tree: { d: 'dir 755 0:0', 'd/f': file('one\n  two\n') },
    history: ['COPY <<EOF /d/f # buildkit'],
  }),
  here('a file named by its word', ['COPY <<name.txt /d/', 'one', 'name.txt'], {
    tree: { d: 'dir 755 0:0', 'd/name.txt': file('one\n') },
  }),
  here('two files', ['COPY <<a <<b /d/', 'one', 'a', 'two', 'b'], {
    tree: { d: 'dir 755 0:0', 'd/a': file('one\n'), 'd/b': file('two\n') },
  }),
  here('a file with variables', ['ARG N=world', 'COPY <<EOF /f', 'Hello $N ${X:-none} "$N" \'$N\'', 'EOF'], {
    tree: { f: file('Hello world none "world" \'world\'\n') },
  }),
  here('a quoted file keeps dollars', ['ARG N=1', 'COPY <<"EOF" /f', '$N \\$N \\', 'EOF'], {
    tree: { f: file('$N \\$N \\\n') },
  }),
  here('a file with backslashes', ['COPY <<EOF /f', 'a\\\\b \\$N', 'EOF', 'COPY <<EOF /g', '\\', 'EOF'], {
    tree: { f: file('a\\b $N\n'), g: file('\n') },
  }),
  here('a file without tabs in front', ['COPY <<-EOF /f', '\tone', '\t\ttwo', '\tEOF'], {
    tree: { f: file('one\ntwo\n') },
  }),
  here('a file with owner and mode', ['COPY --chown=app:staff --chmod=750 <<EOF /f', '#!/bin/sh', 'EOF'], {
    tree: { f: file('#!/bin/sh\n', 'file 750 1000:50') },
  }),
  here('a file without lines', ['COPY <<EOF /f', 'EOF'], { tree: { f: file('') } }),
  here('ADD has them too', ['ADD <<EOF /f', 'one', 'EOF'], { tree: { f: file('one\n') } }),
  here('a file below the folder to work in', ['WORKDIR /w', 'COPY <<EOF f', 'one', 'EOF'], {
    tree: { w: 'dir 755 0:0', 'w/f': file('one\n') },
  }),
  here('a shift is no heredoc', ['RUN echo $((1<<2)) > /f'], { tree: { f: file('4\n') } }),
];
