// npm run fleet:test: the fleet test with 1,000 machines, by itself because it takes minutes.
import { spawnSync } from 'node:child_process';

const run = spawnSync(process.execPath, ['--import', 'tsx', '--test', 'test/fleet/kill.test.ts'], {
  stdio: 'inherit',
  env: { ...process.env, FLEET: '1000' },
});
process.exit(run.status ?? 1);
