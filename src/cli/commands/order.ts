import { type Command, Option } from 'commander';
import { codeOf, systemClock, systemRandom } from '../../base/index.ts';
import { type OrderLook, ownerConfigSchema, readJournal, rest, watchOrder } from '../../owner/index.ts';
import { loadConfig } from '../config-file.ts';
import { parseSeconds, parseUrl } from '../options.ts';
import { changedLines, orderLines } from '../order-lines.ts';
import { stopOnSignal } from '../stopping.ts';

interface StatusOptions {
  config: string;
  machine?: string;
  machineUrl?: string;
  watch?: true;
  /** Milliseconds. */
  timeout?: number;
  json?: true;
}

const HELP = `
Asks both operators and the machine, and changes nothing: it may run beside \`gba change start\`. Who does not answer is named;
what the others say is shown all the same.

Exit codes: 0 done; 1 refused, given back, not ended well, or nothing ordered; 2 wrong usage; 3 still under way.

Examples:
  gba order status --machine m2me-0001 --config owner.yaml
  gba order status --machine m2me-0001 --config owner.yaml --watch`;

/** What the subscriber sees of a change that was ordered. */
export function registerOrder(program: Command): void {
  const order = program.command('order').description('how far an ordered change of operator is');
  order
    .command('status')
    .description('step by step: what is done, what is waited for, since when')
    .option('--config <file>', "the owner's configuration", '.gba-lab/config/owner.yaml')
    .option('--machine <id>', 'which machine; default: the only one of the journal')
    .option('--machine-url <url>', 'its local interface; default: where it was reached last', parseUrl)
    .option('--watch', 'go on until it has ended, showing what changes')
    .addOption(new Option('--timeout <seconds>', 'with --watch: how long at most').argParser(parseSeconds))
    .option('--json', 'one JSON object a look')
    .addHelpText('after', HELP)
    .action(status);
}

const EXIT = { done: 0, refused: 1, returned: 1, failed: 1, 'under-way': 3 } as const;

async function status(options: StatusOptions, command: Command): Promise<void> {
  if (options.timeout !== undefined && options.watch !== true) command.error("error: '--timeout' needs '--watch'");
  const stopping = stopOnSignal();
  const config = loadConfig(options.config, ownerConfigSchema);
  const m2meId = options.machine ?? onlyOne([...(await readJournal(config, systemClock)).keys()], command);
  const watch = watchOrder(config, { m2meId, machineUrl: options.machineUrl }, systemClock);
  const pace = { firstMs: config.firstLookSeconds * 1000, longestMs: config.longestLookSeconds * 1000 };
  const patience = { wallClock: systemClock, random: systemRandom, pace, signal: stopping.signal };
  const until = options.timeout === undefined ? Number.POSITIVE_INFINITY : systemClock.now() + options.timeout;
  let shown: OrderLook | undefined;
  try {
    for (;;) {
      const look = await watch.look();
      show(shown, look, options);
      shown = look;
      if (options.watch !== true || look.outcome !== 'under-way' || systemClock.now() >= until) break;
      await rest(patience, Math.min(pace.firstMs, Math.max(until - systemClock.now(), 0)));
    }
  } catch (error) {
    if (codeOf(error) !== 'interrupted') throw error;
  } finally {
    watch.close();
  }
  process.exit(stopping.code() ?? EXIT[shown?.outcome ?? 'under-way']);
}

function onlyOne(ids: readonly string[], command: Command): string {
  const [id, another] = ids;
  if (id !== undefined && another === undefined) return id;
  return command.error("error: '--machine <id>' is needed: the journal does not have just one");
}

function show(before: OrderLook | undefined, look: OrderLook, { json }: StatusOptions): void {
  if (json && before !== undefined && JSON.stringify(before) === JSON.stringify(look)) return;
  const lines = json ? [JSON.stringify(look)] : before === undefined ? orderLines(look) : changedLines(before, look);
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
}
