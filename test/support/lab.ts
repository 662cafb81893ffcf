import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codeOf, silentLog, systemClock, systemRandom } from '../../src/base/index.ts';
import type { StepEvent } from '../../src/flow/index.ts';
import { createOwner, type Lab, type LabOptions, type Owner, parseScenario, startLab } from '../../src/lab/index.ts';

export const EXAMPLE_SCENARIO = parseScenario(
  readFileSync(new URL('../../examples/operator-change.yaml', import.meta.url), 'utf8'),
);

export interface TestLab {
  lab: Lab;
  owner: Owner;
  events: StepEvent[];
}

/** Starts a lab on free ports. One that was free can be gone by the time it is listened on: other labs start meanwhile. */
export async function startFreeLab(options: LabOptions, tries = 4): Promise<Lab> {
  try {
    return await startLab(options);
  } catch (error) {
    if (codeOf(error) !== 'listen-failed' || tries === 1) throw error;
    // Addresses are in subscriptions and certificates' folders by now: all of it anew.
    rmSync(options.dir, { recursive: true, force: true });
    return await startFreeLab(options, tries - 1);
  }
}

/** A lab on free ports in a folder of its own, gone when `body` ends. */
export async function withLab(
  body: (test: TestLab) => Promise<void>,
  options: Partial<LabOptions> = {},
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-flow-'));
  const events: StepEvent[] = [];
  const { onStep, ...rest } = options;
  const lab = await startFreeLab({
    dir,
    scenario: { ...EXAMPLE_SCENARIO, basePort: 0 },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    driver: 'memory',
    onStep(event) {
      events.push(event);
      onStep?.(event);
    },
    ...rest,
  });
  const owner = await createOwner(lab);
  try {
    await body({ lab, owner, events });
  } finally {
    await owner.close();
    await lab.close();
    rmSync(dir, { recursive: true, force: true });
  }
}
