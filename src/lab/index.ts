export * from './attacks/index.ts';
export { type ChangeResult, createOwner, type Owner, ownerJournalFile } from './change.ts';
export { type Lab, type LabOptions, startLab } from './lab.ts';
export { bsfOf, hssOf, NAMES } from './names.ts';
export * from './owner-client.ts';
export { openOwnerJournal } from './owner-journal.ts';
export { type PageConfig, pageConfigSchema, startPage } from './page.ts';
export { missingSteps, stepLine, summaryLine } from './report.ts';
export { parseScenario, type Scenario } from './scenario.ts';
