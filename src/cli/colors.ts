/** Colours of text on terminals. */

/** Parameters of the escape sequences that switch each on and off (ECMA-48, 8.3.117). */
const renditions = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  blue: [34, 39],
  cyan: [36, 39],
} as const;

export type Colors = Readonly<Record<keyof typeof renditions, (text: string) => string>>;

/** Functions that put a text between escape sequences, or give it back as it is. */
export function createColors(areWanted: boolean): Colors {
  const painters = Object.entries(renditions).map(([name, [on, off]]) => {
    const end = `\x1b[${off}m`;
    // A part of the text may end the same rendition: then it goes on after it.
    const paint = (text: string) => `\x1b[${on}m${text.replaceAll(end, `${end}\x1b[${on}m`)}${end}`;
    return [name, areWanted ? paint : (text: string) => text];
  });
  return Object.fromEntries(painters);
}
