export { compareLanes, type Drift, type Lanes } from './compare-lanes.ts';
export { demote } from './demote.ts';
