/** Projects in C: jq, and a small one for long series. */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Place } from '../place.ts';
import { fetchJq } from '../warm-base.ts';
import type { IncrementalProject } from './project.ts';

const line = (text: string) => `static const char saved[] __attribute__((used)) = "${text}";\n`;

export function jqProject(place: Place): IncrementalProject {
  const folder = 'warm-jq';
  const edited = 'src/util.c';
  cpSync(fetchJq(place.cacheDir), place.path(folder), { recursive: true, verbatimSymlinks: true });
  const original = readFileSync(join(place.path(folder), edited), 'utf8');
  return {
    ...{ id: 'warm-c', title: 'one line of C: jq', folder, edited, product: 'jq' },
    build: 'autoreconf -fi && ./configure --disable-docs --disable-maintainer-mode --disable-shared && make',
    again: 'make',
    isIncremental: true,
    content: (text) => `${original}${line(text)}`,
  };
}

/** Ten files of some lines in a folder. Returns what saves one of them with another line. */
export function smallProject(place: Place, folder: string): (index: number, text: string) => void {
  const names = [...Array(10).keys()].map((index) => `f${index}`);
  for (const name of names) place.write(`${folder}/${name}.c`, functionOf(name));
  const calls = names.map((name) => `${name}()`).join(' + ');
  const externs = names.map((name) => `int ${name}(void);\n`).join('');
  place.write(`${folder}/main.c`, `${externs}int main(void) { return ${calls}; }\n`);
  const objects = ['main', ...names].map((name) => `${name}.o`).join(' ');
  place.write(`${folder}/Makefile`, `all: program\nprogram: ${objects}\n\t$(CC) -o $@ ${objects}\n`);
  return (index, text) => {
    const name = names[index % names.length] as string;
    place.write(`${folder}/${name}.c`, `${functionOf(name)}${line(text)}`);
  };
}

function functionOf(name: string): string {
  return `int ${name}(void) { return ${name.slice(1)}; }\n`;
}
