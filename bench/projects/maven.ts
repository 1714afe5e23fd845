/** A Maven project of 200 classes, built offline from the plugins that Debian packages. */
import type { Place } from '../place.ts';
import type { IncrementalProject } from './project.ts';

const classes = 200;
const editedClass = 120;

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>bench</groupId>
  <artifactId>bench</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <build>
    <plugins>
      <plugin><artifactId>maven-resources-plugin</artifactId><version>3.3.0</version></plugin>
      <plugin><artifactId>maven-compiler-plugin</artifactId><version>3.10.1</version></plugin>
    </plugins>
  </build>
</project>
`;

export function mavenProject(place: Place): IncrementalProject {
  const folder = 'warm-maven';
  place.write(`${folder}/pom.xml`, pom);
  for (let index = 0; index < classes; index++)
    place.write(`${folder}/${sourceOf(index)}`, classText(index, 'none'));
  const mvn = 'mvn -o -q -B -Dmaven.repo.local=/usr/share/maven-repo compile';
  return {
    ...{ id: 'warm-maven', title: `one line of Java: ${classes} classes, Maven`, folder },
    // One changed class, and Maven compiles all of them.
    ...{ build: mvn, again: mvn, isIncremental: false },
    edited: sourceOf(editedClass),
    content: (text) => classText(editedClass, text),
    product: `target/classes/bench/C${editedClass}.class`,
  };
}

function sourceOf(index: number): string {
  return `src/main/java/bench/C${index}.java`;
}

function classText(index: number, saved: string): string {
  const call = index === 0 ? 'x' : `C${Math.floor(index / 2)}.apply(x)`;
  return `package bench;

import java.util.List;
import java.util.stream.Collectors;

public final class C${index} {
    static final String SAVED = "${saved}";

    public static int apply(int x) {
        return ${call} + ${index};
    }

    public static String join(List<String> names) {
        return names.stream().filter(name -> name.length() > ${index}).map(String::trim).collect(Collectors.joining(SAVED));
    }
}
`;
}
