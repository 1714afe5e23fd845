/**
 * The layers, as a rule that a machine checks. A folder may import from those below it in this list, never from
 * those above.
 */
const layers = [
  ['cli'],
  ['web'],
  ['frontends'],
  ['build'],
  ['workers'],
  ['images'],
  ['disks', 'volumes'],
  ['store'],
  ['plan'],
  ['kit'],
];

const folder = (names) => `^src/(${names.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...layers.slice(1).map((names, index) => ({
      name: `${names.join('-')}-imports-only-downwards`,
      comment: 'Data goes one way: see "Layers" in CONTRIBUTING.md.',
      severity: 'error',
      from: { path: folder(names) },
      to: { path: folder(layers.slice(0, index + 1).flat()) },
    })),
    {
      name: 'disks-and-volumes-apart',
      severity: 'error',
      from: { path: '^src/(disks|volumes)/' },
      to: { path: '^src/(disks|volumes)/', pathNot: '^src/$1/' },
    },
    {
      name: 'plan-imports-nothing',
      severity: 'error',
      from: { path: '^src/plan/' },
      to: { pathNot: '^src/plan/' },
    },
    {
      name: 'no-circles',
      comment: 'Files whose types name each other load none the worse for it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'source-needs-no-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench|scripts)/' },
    },
    {
      name: 'what-decides-a-plan-is-noted',
      comment:
        'Frontends read the host through src/kit/host-files.ts, which notes what they saw (see frontends/glance.ts). Those excepted run in each build, or only in builds that fail or run a program.',
      severity: 'error',
      from: {
        path: '^src/frontends/',
        pathNot: '^src/frontends/(find|open-project|watched|spec/errors|typescript/.*)[.]ts$',
      },
      to: { path: '^(node:)?fs(/promises)?$|^src/kit/stat[.]ts$' },
    },
    {
      name: 'every-package-is-declared',
      severity: 'error',
      from: { path: '^src/' },
      to: {
        dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev', 'unknown'],
        pathNot: '^node_modules/@types/',
      },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
    },
  },
};
