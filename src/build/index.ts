export { bringSource } from './bring-source.ts';
export { buildPlan, type PlanBuildRequest, type PlanBuildResult, slotsOf } from './build.ts';
export type { FactChange, FileChange } from './changes.ts';
export { type ExplainResult, explain } from './explain.ts';
export { logPath } from './logs.ts';
export { type PlanRow, reportPlan } from './report.ts';
