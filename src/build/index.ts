export { bringSource } from './bring-source.ts';
export { buildPlan, type PlanBuildResult, slotsOf } from './build.ts';
export { type ExplainResult, explain } from './explain.ts';
export { type PlanRow, reportPlan } from './report.ts';
