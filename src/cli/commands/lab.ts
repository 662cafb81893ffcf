import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import pc from 'picocolors';
import { createLog, GbaError, systemClock, systemRandom } from '../../base/index.ts';
import type { StepEvent } from '../../flow/index.ts';
import { readTextFile } from '../../http/index.ts';
import {
  ATTACKS,
  createOwner,
  type Lab,
  missingSteps,
  openOwnerJournal,
  ownerJournalFile,
  parseScenario,
  runAttack,
  startLab,
  stepLine,
  summaryLine,
} from '../../lab/index.ts';

interface LabCommandOptions {
  dir: string;
  file: string;
  once?: boolean;
  json?: boolean;
  attack?: string;
  listAttacks?: boolean;
  timeout: string;
  logLevel: string;
}

const EXAMPLE = new URL('../../../examples/operator-change.yaml', import.meta.url).pathname;
/** A folder is only ever emptied when this file says that a lab made it. */
const MARK = '.gba-lab';

export function registerLab(program: Command): void {
  program
    .command('lab')
    .description('start every party on loopback and run an operator change; stays up for other clients')
    .option('--file <yaml>', 'the machines and subscriptions', EXAMPLE)
    .option('--dir <folder>', 'where state, certificates and configurations are kept', '.gba-lab')
    .option('--once', 'exit 0 or 1 when the change has ended')
    .option('--json', 'one JSON object a line instead of text')
    .option('--attack <name>', 'run one attack against the running system and show the refusal')
    .option('--list-attacks', 'the names of the attacks')
    .option('--timeout <seconds>', 'how long a change may take', '60')
    .option('--log-level <level>', 'info, warn, error', 'error')
    .action(runLab);
}

async function runLab(options: LabCommandOptions): Promise<void> {
  const say = (text: string, json: object): void => {
    process.stdout.write(`${options.json === true ? JSON.stringify(json) : text}\n`);
  };
  if (options.listAttacks === true) {
    for (const { name, title, expect } of ATTACKS)
      say(`${name.padEnd(40)} ${title} (${expect})`, { name, title, expect });
    return;
  }
  const attack = options.attack === undefined ? undefined : ATTACKS.find((one) => one.name === options.attack);
  if (options.attack !== undefined && attack === undefined) {
    throw new GbaError('attack-unknown', `no attack '${options.attack}'; --list-attacks names them`);
  }
  const dir = attack === undefined ? openFolder(options.dir, say) : mkdtempSync(join(tmpdir(), 'gba-attack-'));
  const startedAt = systemClock.now();
  const events: StepEvent[] = [];
  const lab = await startLab({
    dir,
    scenario: { ...parseScenario(readTextFile(options.file)), ...(attack === undefined ? {} : { basePort: 0 }) },
    clock: systemClock,
    random: systemRandom,
    log: createLog({ level: options.logLevel, name: 'lab' }),
    onStep(event) {
      events.push(event);
      const ms = systemClock.now() - startedAt;
      say(stepLine(event, ms), { ms, ...event });
    },
  });
  process.once('SIGINT', () => void lab.close().then(() => process.exit(130)));
  process.once('SIGTERM', () => void lab.close().then(() => process.exit(143)));

  if (attack !== undefined) {
    const result = await runAttack(lab, attack);
    const fine = result.refused && result.stateEqual && result.got === result.expected;
    const state = result.stateEqual ? 'state before and after is equal' : 'STATE CHANGED';
    const verdict = fine ? pc.green('refused') : pc.red('NOT AS IT SHOULD BE');
    say(`${attack.title}: ${verdict} with ${result.got} (expected ${result.expected}); ${state}`, result);
    await lab.close();
    rmSync(dir, { recursive: true, force: true });
    process.exit(fine ? 0 : 1);
  }
  const fine = await changeAll(lab, events, Number(options.timeout) * 1000, say);
  if (options.once === true) {
    await lab.close();
    process.exit(fine ? 0 : 1);
  }
  showDoors(lab, say);
}

type Say = (text: string, json: object) => void;

/** The lab's folder; what a finished change left is cleared, an unfinished one goes on. */
function openFolder(dir: string, say: Say): string {
  if (existsSync(join(dir, MARK)) && openOwnerJournal(ownerJournalFile(dir)).allDone()) {
    rmSync(dir, { recursive: true });
    say(`the change kept in ${dir} had ended: starting afresh`, { event: 'afresh', dir });
  }
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  writeFileSync(join(dir, MARK), 'made by gba lab; emptied when its change has ended\n');
  return dir;
}

async function changeAll(lab: Lab, events: readonly StepEvent[], timeoutMs: number, say: Say): Promise<boolean> {
  const owner = await createOwner(lab);
  const resumed = lab.plan.m2me.some(({ id }) => owner.journal.of(id).serial !== undefined);
  if (resumed) say('an unfinished change goes on', { event: 'resumed' });
  try {
    const results = await Promise.all(lab.plan.m2me.map(({ id }) => owner.change(id, timeoutMs)));
    for (const result of results) {
      say(result.state === 'done' ? pc.green(summaryLine(result)) : pc.red(summaryLine(result)), result);
    }
    const missing = resumed ? [] : missingSteps(events);
    if (missing.length > 0) say(pc.red(`steps not seen: ${missing.join(', ')}`), { missing });
    return missing.length === 0 && results.every((result) => result.state === 'done');
  } finally {
    owner.close();
  }
}

function showDoors(lab: Lab, say: Say): void {
  const { bsf, page, m2me } = lab.plan;
  const doors = {
    ub: bsf.map((one) => ({ bsf: one.name, url: `http://127.0.0.1:${one.ub.port}/` })),
    page: { naf: page.fqdn, url: `http://127.0.0.1:${page.listen.port}/` },
    machines: m2me.map((one) => ({ id: one.id, url: `http://127.0.0.1:${one.local.port}/` })),
  };
  say(
    [
      '',
      'The parties stay up; Ctrl-C stops them.',
      ...doors.ub.map((one) => `  Ub of ${one.bsf}: ${one.url}`),
      `  page behind the NAF middleware (${doors.page.naf}): ${doors.page.url}`,
      ...doors.machines.map((one) => `  local interface of ${one.id}: ${one.url}`),
    ].join('\n'),
    doors,
  );
}
