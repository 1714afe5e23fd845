export { type PlanBuildRequest, type PlanBuildResult, buildPlan } from './build.ts';
export { type ExplainResult, type ExplainedChange, type FileChange, explain } from './explain.ts';
export { logPath } from './logs.ts';
export { type PlanRow, reportPlan } from './report.ts';
