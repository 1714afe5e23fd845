export type * from './events.ts';
export type * from './ids.ts';
export type * from './mounts.ts';
export type * from './types.ts';
