/** The program's version: the bundler puts in that of package.json. */

declare const CAMBIUM_VERSION: string;

export const version: string = CAMBIUM_VERSION;
