/** What steps and their results are called by. Each kind of name is a type of its own: they can't be mixed up. */

declare const stepIdBrand: unique symbol;
declare const stepKeyBrand: unique symbol;
declare const snapshotIdBrand: unique symbol;

/** Names a step inside one plan. */
export type StepId = string & { readonly [stepIdBrand]: true };
/** SHA-256 (64 hex digits) over all that decides a step's result. */
export type StepKey = string & { readonly [stepKeyBrand]: true };
/** Names a snapshot inside one store; short, random, never reused. */
export type SnapshotId = string & { readonly [snapshotIdBrand]: true };
