export { compareLanes, type Drift, type Lanes } from './compare-lanes.ts';
export { demote } from './demote.ts';
export { probeParts, type UnfitStep } from './probe-parts.ts';
