// biome-ignore-all lint/suspicious/noTemplateCurlyInString: variables of Dockerfiles
/** Words with the variables that are set, what they expand to, and which variables they met. */

export interface ModifierRow {
  word: string;
  set: Readonly<Record<string, string>>;
  result: string;
  /** Names that were used and set, separated by spaces. */
  used: string;
  unset: string;
}

export const modifiers: readonly ModifierRow[] = [
  { word: 'x', set: { DUMMY: 'dummy' }, result: 'x', used: '', unset: '' },
  { word: 'x ${UNUSED}', set: { DUMMY: 'dummy' }, result: 'x ', used: '', unset: 'UNUSED' },
  { word: 'x ${FOO}', set: { FOO: 'y' }, result: 'x y', used: 'FOO', unset: '' },
  {
    word: '${FOO-aaa} ${BAR-bbb} ${BAZ-ccc}',
    set: { FOO: 'xxx', BAR: '' },
    result: 'xxx  ccc',
    used: 'FOO BAR',
    unset: 'BAZ',
  },
  {
    word: '${FOO:-aaa} ${BAR:-bbb} ${BAZ:-ccc}',
    set: { FOO: 'xxx', BAR: '' },
    result: 'xxx bbb ccc',
    used: 'FOO BAR',
    unset: 'BAZ',
  },
  { word: '${FOO:-}', set: { FOO: 'xxx', BAR: '' }, result: 'xxx', used: 'FOO', unset: '' },
  { word: '${FOO:-}', set: {}, result: '', used: '', unset: 'FOO' },
  {
    word: '${FOO+aaa} ${BAR+bbb} ${BAZ+ccc}',
    set: { FOO: 'xxx', BAR: '' },
    result: 'aaa bbb ',
    used: 'FOO BAR',
    unset: 'BAZ',
  },
  {
    word: '${FOO:+aaa} ${BAR:+bbb} ${BAZ:+ccc}',
    set: { FOO: 'xxx', BAR: '' },
    result: 'aaa  ',
    used: 'FOO BAR',
    unset: 'BAZ',
  },
  { word: '${FOO?aaa}', set: { FOO: 'xxx', BAR: '' }, result: 'xxx', used: 'FOO', unset: '' },
  { word: '${BAR?bbb}', set: { FOO: 'xxx', BAR: '' }, result: '', used: 'BAR', unset: '' },
  { word: '${FOO:?aaa}', set: { FOO: 'xxx', BAR: '' }, result: 'xxx', used: 'FOO', unset: '' },
  {
    word: '${FOO#()[]{\\}^$.\\*\\?|\\\\}',
    set: { FOO: '()[]{}^$.*?|\\x' },
    result: 'x',
    used: 'FOO',
    unset: '',
  },
  { word: '${FOO%%\\**}', set: { FOO: 'xx**' }, result: 'xx', used: 'FOO', unset: '' },
  { word: '${FOO#*x*y}', set: { FOO: 'xxyy' }, result: 'y', used: 'FOO', unset: '' },
  { word: '${FOO#*}', set: { FOO: 'xxyy' }, result: 'xxyy', used: 'FOO', unset: '' },
  { word: '${FOO#$BAR}', set: { FOO: 'xxyy', BAR: 'x' }, result: 'xyy', used: 'FOO BAR', unset: '' },
  { word: '${FOO#$BAR}', set: { FOO: 'xxyy', BAR: '' }, result: 'xxyy', used: 'FOO BAR', unset: '' },
  { word: '${FOO#}', set: { FOO: 'xxyy' }, result: 'xxyy', used: 'FOO', unset: '' },
  { word: '${FOO##*x}', set: { FOO: 'xxyy' }, result: 'yy', used: 'FOO', unset: '' },
  { word: '${FOO##}', set: { FOO: 'xxyy' }, result: 'xxyy', used: 'FOO', unset: '' },
  { word: '${FOO#?\\?}', set: { FOO: '???y' }, result: '?y', used: 'FOO', unset: '' },
  { word: '${ABC:-.}${FOO%x}${ABC:-.}', set: { FOO: 'xxyy' }, result: '.xxyy.', used: 'FOO', unset: 'ABC' },
  { word: '${FOO%%\\**\\*}', set: { FOO: 'a***yy*' }, result: 'a', used: 'FOO', unset: '' },
  { word: '${FOO%}', set: { FOO: 'xxyy' }, result: 'xxyy', used: 'FOO', unset: '' },
  { word: '${FOO%%$BAR}', set: { FOO: 'xxyy', BAR: '' }, result: 'xxyy', used: 'FOO BAR', unset: '' },
  {
    word: '${FOO/$NEEDLE/.} - ${FOO//$NEEDLE/.}',
    set: { FOO: '/foo*/*/*.txt', NEEDLE: '\\*/' },
    result: '/foo.*/*.txt - /foo..*.txt',
    used: 'FOO NEEDLE',
    unset: '',
  },
  {
    word: '${FOO/$NEEDLE/} - ${FOO//$NEEDLE/}',
    set: { FOO: '/tmp/tmp/bar.txt', NEEDLE: '/tmp' },
    result: '/tmp/bar.txt - /bar.txt',
    used: 'FOO NEEDLE',
    unset: '',
  },
  {
    word: '${FOO/$NEEDLE/$REPLACEMENT} - ${FOO//$NEEDLE/$REPLACEMENT}',
    set: { FOO: '/a/foo/b/c.txt', NEEDLE: '/?/', REPLACEMENT: '/' },
    result: '/foo/b/c.txt - /foo/c.txt',
    used: 'FOO NEEDLE REPLACEMENT',
    unset: '',
  },
  {
    word: '${FOO/$NEEDLE/$REPLACEMENT}',
    set: { FOO: 'http://google.de', NEEDLE: 'http://', REPLACEMENT: 'https://' },
    result: 'https://google.de',
    used: 'FOO NEEDLE REPLACEMENT',
    unset: '',
  },
  {
    word: '${FOO//\\//\\/}',
    set: { FOO: '/tmp/foo.txt' },
    result: '\\/tmp\\/foo.txt',
    used: 'FOO',
    unset: '',
  },
  { word: '${FOO/$BAR/ww}', set: { FOO: 'xxyy', BAR: '' }, result: 'wwxxyy', used: 'FOO BAR', unset: '' },
  { word: '${FOO///}', set: { FOO: 'xxyy' }, result: 'xxyy', used: 'FOO', unset: '' },
  { word: '${FOO///}', set: {}, result: '', used: '', unset: 'FOO' },
];

export const refusedModifiers: readonly (readonly [word: string, set: Readonly<Record<string, string>>])[] = [
  ['${BAZ?ccc}', { FOO: 'xxx', BAR: '' }],
  ['${BAR:?bbb}', { FOO: 'xxx', BAR: '' }],
  ['${BAZ:?ccc}', { FOO: 'xxx', BAR: '' }],
  ['${BAZ:?}', { FOO: 'xxx', BAR: '' }],
  ['${FOO=aaa}', { FOO: 'xxx', BAR: '' }],
  ['${FOO=:aaa}', { FOO: 'xxx', BAR: '' }],
  ['${FOO=}', {}],
  ['${FOO:#}', {}],
  ['${FOO:##}', {}],
  ['${FOO:%}', {}],
  ['${FOO:%%}', {}],
  ['${FOO//ww}', { FOO: 'xxyy' }],
  ['${FOO//}', { FOO: 'xxyy' }],
];
