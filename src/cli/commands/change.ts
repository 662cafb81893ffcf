import type { Command } from 'commander';
import pc from 'picocolors';
import { codeOf, createLog, messageOf, systemClock } from '../../base/index.ts';
import {
  cancelFleet,
  changeFleet,
  type FleetReport,
  type FleetRow,
  isSettled,
  openOwnerJournal,
  ownerConfigSchema,
  phaseOf,
  refreshFleet,
  reportLines,
  reportOn,
} from '../../owner/index.ts';
import { type AtWork, addKind, addTarget, type ChangeOptions, choose, connectAlone } from '../change-target.ts';
import { loadConfig } from '../config-file.ts';
import { showProgress } from '../fleet-progress.ts';
import { parseCount, parseSeconds } from '../options.ts';
import { stopOnSignal } from '../stopping.ts';

interface StartOptions extends ChangeOptions {
  parallel?: number;
  /** Milliseconds. */
  timeout?: number;
  retry?: true;
}

const START_HELP = `
Takes each machine through release, order and instruction and waits for its end. Every step is journalled: after Ctrl-C, a
crash or a power cut the same command goes on, and nothing is ordered twice. Machines that are refused stay so until --retry.
Exit code 0 only when all are done.

Examples:
  gba change start --machine m2me-0001 --machine-url http://10.0.0.7:8090 --config owner.yaml
  gba change start --fleet meters.csv --config owner.yaml --parallel 200`;

/** What the owner of machines does: changes of operator, of one machine or of a fleet. */
export function registerChange(program: Command): void {
  const change = program.command('change').description('change the operator of your machines: one, or a whole fleet');
  addKind(addTarget(change.command('start').description('change machines, or go on with it where it stopped')))
    .option('--parallel <n>', "machines under way at once; default: the configuration's, 64", parseCount)
    .option(
      '--timeout <seconds>',
      "how long the end of one change is waited for; default: the configuration's",
      parseSeconds,
    )
    .option('--retry', 'begin anew with machines that were refused or gave the token back')
    .addHelpText('after', START_HELP)
    .action(start);
  addTarget(change.command('status').description('how far machines are, by the journal; all it knows without a choice'))
    .option('--refresh', 'ask the new operator and the machines first')
    .action(status);
  addTarget(change.command('cancel').description('ask machines to give the token back: returned, or too late'))
    .addHelpText('after', '\nExit code 0 only when every machine has returned it or had none.')
    .action(cancel);
}

type Say = (text: string, json: object) => void;

const sayer =
  ({ json }: ChangeOptions): Say =>
  (text, object) =>
    void process.stdout.write(`${json ? JSON.stringify(object) : text}\n`);

async function working(
  options: ChangeOptions,
  command: Command,
  work: (at: AtWork, rows: FleetRow[]) => Promise<number>,
): Promise<void> {
  const chosen = choose(options, command);
  const stopping = stopOnSignal();
  const at = await connectAlone(options.config, stopping.signal);
  let code: number;
  try {
    code = await work(at, chosen(at.tools.journal));
  } finally {
    await at.close();
  }
  process.exit(stopping.code() ?? code);
}

async function start(options: StartOptions, command: Command): Promise<void> {
  const say = sayer(options);
  await working(options, command, async ({ tools, config }, rows) => {
    const { journal } = tools;
    const before = rows.filter(({ m2meId }) => isSettled(journal.of(m2meId)) && options.retry !== true).length;
    const progress = showProgress({
      total: rows.length,
      before,
      json: options.json === true,
      out: process.stdout,
      clock: systemClock,
    });
    const log = createLog({ level: 'error', name: 'change' });
    let stopped: unknown;
    try {
      await changeFleet(tools, rows, {
        parallel: Math.min(options.parallel ?? config.parallel, rows.length),
        patienceMs: config.patienceSeconds * 1000,
        timeoutMs: options.timeout ?? config.timeoutSeconds * 1000,
        looks: { firstMs: config.firstLookSeconds * 1000, longestMs: config.longestLookSeconds * 1000 },
        variant: options.variant ?? config.variant,
        bothPresent: options.bothPresent ?? config.bothPresent,
        retry: options.retry === true,
        onEnd: (row, end, ms) => progress.ended(row.m2meId, end, ms),
        onFault: (m2meId, error) => log.error('change-failed', { m2me: m2meId, message: messageOf(error) }),
      });
    } catch (error) {
      stopped = error;
    } finally {
      progress.close();
    }
    const report = reportOn(
      journal,
      rows.map(({ m2meId }) => m2meId),
    );
    tell(report, say);
    if (stopped === undefined) return report.counts.done === report.machines ? 0 : 1;
    if (codeOf(stopped) !== 'interrupted') throw stopped;
    say('interrupted: the same command goes on', { event: 'interrupted' });
    return 1;
  });
}

function tell(report: FleetReport, say: Say): void {
  const [first = '', ...rest] = reportLines(report);
  const all = report.counts.done === report.machines;
  say([(all ? pc.green : pc.yellow)(first), ...rest].join('\n'), { event: 'report', ...report });
}

async function status(options: ChangeOptions & { refresh?: true }, command: Command): Promise<void> {
  const say = sayer(options);
  if (options.refresh) {
    await working(options, command, async ({ tools, config }, rows) => {
      const { parallel, patienceSeconds } = config;
      await refreshFleet(tools, rows, { parallel, patienceMs: patienceSeconds * 1000 });
      showStatus(
        rows.map(({ m2meId }) => m2meId),
        tools.journal,
        say,
      );
      return 0;
    });
    return;
  }
  const listed = options.fleet === undefined ? undefined : choose(options, command);
  const config = loadConfig(options.config, ownerConfigSchema);
  const journal = await openOwnerJournal(config.journal, systemClock);
  const one = options.machine === undefined ? journal.ids() : [options.machine];
  showStatus(listed?.(journal).map(({ m2meId }) => m2meId) ?? one, journal, say);
  await journal.close();
}

function showStatus(ids: readonly string[], journal: AtWork['tools']['journal'], say: Say): void {
  const [only] = ids;
  if (ids.length === 1 && only !== undefined) {
    const { to, serial, orderId, end } = journal.of(only);
    const phase = phaseOf(journal.of(only));
    const why = end?.reason === undefined ? '' : `: ${end.reason}`;
    say(`${only}: ${phase === 'failed' ? 'not ended' : phase}${why}`, {
      m2meId: only,
      phase,
      to,
      serial,
      orderId,
      ...end,
    });
    return;
  }
  tell(reportOn(journal, ids), say);
}

/** Answers that leave nothing of a change. */
const TAKEN_BACK = ['returned', 'nothing-ordered'];

async function cancel(options: ChangeOptions, command: Command): Promise<void> {
  const say = sayer(options);
  await working(options, command, async ({ tools, config }, rows) => {
    let fine = true;
    await cancelFleet(tools, rows, {
      parallel: config.parallel,
      patienceMs: config.patienceSeconds * 1000,
      onAnswer({ m2meId }, answer) {
        fine &&= TAKEN_BACK.includes(answer);
        say(`${m2meId}: ${answer.replaceAll('-', ' ')}`, { event: 'cancel', m2meId, answer });
      },
    });
    return fine ? 0 : 1;
  });
}
