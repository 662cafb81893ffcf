import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import pc from 'picocolors';
import { codeOf, createLog, GbaError, messageOf, systemClock, systemRandom } from '../../base/index.ts';
import type { StepEvent } from '../../flow/index.ts';
import { readTextFile } from '../../http/index.ts';
import {
  ATTACKS,
  type Attack,
  createLabClock,
  createOwner,
  type FaultPlan,
  type Lab,
  type LabClock,
  missingSteps,
  parseScenario,
  planFaults,
  runAttack,
  startLab,
  stepLine,
  summaryLine,
} from '../../lab/index.ts';
import { openLabFolder } from '../lab-folder.ts';
import { addWishes, faultsOf, type LabWishes } from '../lab-wishes.ts';
import { logLevelOption, parseSeconds } from '../options.ts';
import { closeOnSignal } from '../stopping.ts';

interface LabCommandOptions extends LabWishes {
  dir: string;
  file: string;
  once?: boolean;
  json?: boolean;
  attack?: Attack;
  listAttacks?: boolean;
  /** Milliseconds. */
  timeout: number;
  logLevel: string;
}

const EXAMPLE = fileURLToPath(new URL('../../../examples/operator-change.yaml', import.meta.url));
const HELP = `
The folder of --dir keeps everything: an interrupted change goes on from there, and when it has ended the next start begins
afresh. Under it stand config/ (one file for each function, to run it alone) and pki/ (certificates and keys).

Examples:
  gba lab --once
  gba lab --once --token signed --variant both-present
  gba lab --once --cut after=8
  gba lab --attack package-swapped`;

export function registerLab(program: Command): void {
  const command = program
    .command('lab')
    .description('start every party on loopback and run an operator change; stays up for other clients')
    .option('--file <yaml>', 'the machines and subscriptions', EXAMPLE)
    .option('--dir <folder>', 'where state, certificates and configurations are kept', '.gba-lab')
    .option('--once', 'exit 0 or 1 when the change has ended')
    .option('--json', 'one JSON object a line instead of text')
    .option('--attack <name>', 'run one attack against the running system and show the refusal', parseAttack)
    .option('--list-attacks', 'the names of the attacks')
    .option('--timeout <seconds>', 'how long a change may take', parseSeconds, 60_000)
    .addOption(logLevelOption('error'))
    .addHelpText('after', HELP)
    .action(runLab);
  addWishes(command);
}

function parseAttack(name: string): Attack {
  const attack = ATTACKS.find((one) => one.name === name);
  if (attack === undefined) throw new InvalidArgumentError('--list-attacks names them.');
  return attack;
}

async function runLab(options: LabCommandOptions): Promise<void> {
  const say: Say = (text, json) => {
    process.stdout.write(`${options.json === true ? JSON.stringify(json) : text}\n`);
  };
  if (options.listAttacks === true) {
    for (const { name, title, expect } of ATTACKS)
      say(`${name.padEnd(40)} ${title} (${expect})`, { name, title, expect });
    return;
  }
  await (options.attack === undefined ? runChange(options, say) : runOneAttack(options, options.attack, say));
}

async function runOneAttack(options: LabCommandOptions, attack: Attack, say: Say): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-attack-'));
  try {
    const { lab } = await start(
      { ...options, ...(attack.lab?.bothPresent ? { variant: 'both-present' as const } : {}) },
      dir,
      say,
      {
        basePort: 0,
      },
    );
    const result = await runAttack(lab, attack);
    const fine = result.refused && result.stateEqual && result.got === result.expected;
    const state = result.stateEqual ? 'state before and after is equal' : 'STATE CHANGED';
    const verdict = fine ? pc.green('refused') : pc.red('NOT AS IT SHOULD BE');
    say(`${attack.title}: ${verdict} with ${result.got} (expected ${result.expected}); ${state}`, result);
    await lab.close();
    process.exitCode = fine ? 0 : 1;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  process.exit();
}

async function runChange(options: LabCommandOptions, say: Say): Promise<void> {
  const folder = await openLabFolder(options.dir);
  if (folder.afresh) {
    say(`the change kept in ${options.dir} had ended: starting afresh`, { event: 'afresh', dir: options.dir });
  }
  const clock = createLabClock(systemClock);
  const faults = planFaults(faultsOf(options), clock, async (name) => {
    say(`${name} falls silent`, { event: 'silent', party: name });
    await lab.stop(name);
  });
  if (faults.story !== undefined) say(`${faults.story}`, { event: 'fault', story: faults.story });
  const { lab, events } = await start(options, resolve(options.dir), say, { clock, faults });
  let fine: boolean | undefined;
  const stopping = closeOnSignal(async (signal) => {
    if (fine === undefined) say('interrupted: the change goes on at the next start', { event: 'interrupted' });
    await lab.close();
    await folder.release();
    if (fine === undefined) return signal === 'SIGINT' ? 130 : 143;
    return fine ? 0 : 1;
  });
  try {
    fine = await changeAll(lab, events, options, faults, say);
  } catch (error) {
    // Closing takes the parties from under the change: that is no failure of it.
    if (stopping.begun) return;
    throw error;
  }
  if (options.once === true) {
    await lab.close();
    await folder.release();
    process.exit(fine ? 0 : 1);
  }
  showDoors(lab, say);
}

interface StartWith {
  basePort?: number;
  clock?: LabClock;
  faults?: FaultPlan;
}

async function start(options: LabCommandOptions, dir: string, say: Say, { basePort, clock, faults }: StartWith) {
  const startedAt = systemClock.now();
  const events: StepEvent[] = [];
  const scenario = parseScenario(readTextFile(options.file));
  try {
    const lab = await startLab({
      dir,
      scenario: { ...scenario, ...(basePort === undefined ? {} : { basePort }) },
      clock: clock ?? systemClock,
      wallClock: systemClock,
      bothPresent: options.variant === 'both-present',
      enrol: options.enrol === true,
      ...(faults && { carrier: faults.carrier }),
      random: systemRandom,
      log: createLog({ level: options.logLevel, name: 'lab' }),
      onStep(event) {
        events.push(event);
        const ms = systemClock.now() - startedAt;
        say(stepLine(event, ms), { ms, ...event });
        faults?.onStep(event);
      },
    });
    return { lab, events };
  } catch (cause) {
    if (codeOf(cause) !== 'listen-failed') throw cause;
    const advice = 'another lab or something else uses the port: stop it, or set another basePort in a file for --file';
    throw new GbaError('listen-failed', `${messageOf(cause)}: ${advice}`, { cause });
  }
}

type Say = (text: string, json: object) => void;

async function changeAll(
  lab: Lab,
  events: readonly StepEvent[],
  { timeout, dir, token, variant }: LabCommandOptions,
  faults: FaultPlan,
  say: Say,
): Promise<boolean> {
  const owner = await createOwner(lab);
  const resumed = lab.plan.m2me.some(({ id }) => owner.journal.of(id).serial !== undefined);
  if (resumed) say('an unfinished change goes on', { event: 'resumed' });
  try {
    const silent = faults.silent === undefined ? {} : { silent: faults.silent };
    const wish = { variant: token, bothPresent: variant === 'both-present', ...silent };
    const results = await Promise.all(lab.plan.m2me.map(({ id }) => owner.change(id, timeout, wish)));
    for (const result of results) {
      say((faults.isProperEnd(result) ? pc.green : pc.red)(summaryLine(result)), result);
    }
    const whole = !resumed && results.every(({ state }) => state === 'done');
    const missing = whole ? missingSteps(events) : [];
    if (missing.length > 0) say(pc.red(`steps not seen: ${missing.join(', ')}`), { missing });
    const fine = results.every(faults.isProperEnd);
    const ended = results.every(({ state }) => state === 'done' || state === 'refused');
    if (!ended) say(`the next start goes on with it; to begin afresh, delete ${dir}`, { event: 'kept', dir });
    return missing.length === 0 && fine;
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
