export { bringSource } from './bring-source.ts';
export { type BuildTotals, buildPlan, type PlanBuildResult, slotsOf, type Unfinished } from './build.ts';
export { type ExplainResult, explain } from './explain.ts';
export { type PlanRow, reportPlan } from './report.ts';
