import { Argument, type Command } from 'commander';
import { GbaError, systemClock, systemRandom } from '../../base/index.ts';
import { loadSealingKey } from '../../http/index.ts';
import { confirmRestored, exportStore, importStore, openStore } from '../../store/index.ts';
import { failUsage } from '../fail.ts';
import { parseMoment } from '../options.ts';
import { compare, inspectBackup, inspectStore, isoOf, type Part, progressOn, showRecords } from '../store-report.ts';
import { STORED, storeTargetOf } from '../store-target.ts';

interface Options {
  config: string;
  key: string;
  json?: true;
}

const KEY = '64 hexadecimal digits in a file, or env:NAME: the backup key';
const HELP = {
  store: `
A backup is one encrypted file, of one moment, made while the function runs; it goes back into any driver. What is sealed in
the store stays sealed in it: to use it takes the backup key and the function's sealing key. What a restored store does not know,
and what to do about it, is in docs/operations.md ("Backup and restore"): read it before the day.

Example:
  openssl rand -hex 32 > backup.key && chmod 600 backup.key
  gba store export hss --config hss.yaml --out hss-monday.backup --key backup.key
  gba store check --in hss-monday.backup --key backup.key`,
  import: `
The function must not run. The backup is read to its end first, every record and seal is looked at, and all goes in by one
transaction: whoever is killed on the way has left an empty store. A record that is known to be out of date stays outside with
--leave-out SPACE/KEY, any number of times. Then start the function, compare, and end with \`gba store confirm\`.`,
  check: `
With --in and --key: reads a backup to its end. With a function and --config: reads its store, beside the function, and looks at
every record and seal. With both: looks at the backup with the function's sealing key too, and compares.`,
  confirm: `
Says that a person has compared a restored store with the world: what was held back is used from now on. HSS: subscribers get
vectors. RO: discovery names operators. PKI: the portal starts. SHO: it tells a restored HSS what it knows. The function may run.`,
};

export function registerStore(program: Command): void {
  const store = program
    .command('store')
    .description('back up a store while its function runs, restore it, check either')
    .enablePositionalOptions()
    .addHelpText('after', HELP.store);
  const fn = (required: boolean) =>
    new Argument(required ? '<function>' : '[function]', 'whose store').choices(STORED.slice());

  store
    .command('export')
    .description('write an encrypted backup of a store, as it is at one moment')
    .addArgument(fn(true))
    .requiredOption('--config <file>', 'the configuration of the function')
    .requiredOption('--out <file>', 'a new file; for its owner alone')
    .requiredOption('--key <file>', KEY)
    .option('--as-of <time>', 'of when the store is, if it is an old copy: 2027-01-31T12:00:00Z', parseMoment)
    .option('--json', 'one JSON object; progress as JSON on standard error')
    .action(runExport);
  store
    .command('import')
    .description('put a backup into an empty store')
    .addArgument(fn(true))
    .requiredOption(
      '--config <file>',
      'the configuration of the function; its driver may be another than that of the backup',
    )
    .requiredOption('--in <file>', 'the backup')
    .requiredOption('--key <file>', KEY)
    .option('--leave-out <space/key>', 'a record that stays outside', (name, all: string[]) => [...all, name], [])
    .option('--json', 'one JSON object; progress as JSON on standard error')
    .addHelpText('after', HELP.import)
    .action(runImport);
  store
    .command('check')
    .description('check a backup, a store, or one against the other')
    .addArgument(fn(false))
    .option('--config <file>', 'the configuration of the function')
    .option('--in <file>', 'the backup')
    .option('--key <file>', KEY)
    .option('--json', 'one JSON object; progress as JSON on standard error')
    .addHelpText('after', HELP.check)
    .action(runCheck);
  store
    .command('confirm')
    .description('use a restored store in full: somebody has compared it with the world')
    .addArgument(fn(true))
    .requiredOption('--config <file>', 'the configuration of the function')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP.confirm)
    .action(runConfirm);
}

const print = (options: { json?: true }, json: unknown, text: string): void =>
  void process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`);

async function runExport(name: string, options: Options & { out: string; asOf?: number }): Promise<void> {
  const { fn, kind, store } = storeTargetOf(name, options.config);
  const done = await exportStore({
    ...{ fn, kind, store, clock: systemClock, random: systemRandom },
    key: loadSealingKey(options.key),
    file: options.out,
    ...(options.asOf !== undefined && { asOf: options.asOf }),
    progress: progressOn(options),
  });
  const { madeAt, ...rest } = done;
  const text = `${done.file}: ${showRecords(done)}, ${done.octets} octets, as of ${isoOf(madeAt)}\ndigest ${done.digest}`;
  print(options, { ...rest, madeAt: isoOf(madeAt) }, text);
}

async function runImport(name: string, options: Options & { in: string; leaveOut: string[] }): Promise<void> {
  const done = await importStore({
    ...storeTargetOf(name, options.config),
    clock: systemClock,
    key: loadSealingKey(options.key),
    file: options.in,
    leaveOut: new Set(options.leaveOut),
    progress: progressOn(options),
  });
  const [madeAt, restoredAt] = [isoOf(done.madeAt), isoOf(done.restoredAt)];
  const text = [
    `restored: ${showRecords(done)}; ${done.leftOut} left out`,
    `as of ${madeAt}. What was done since is not in it: docs/operations.md, "Backup and restore".`,
    `When you have compared: gba store confirm ${name} --config ${options.config}`,
  ];
  print(options, { ...done, madeAt, restoredAt }, text.join('\n'));
}

async function runCheck(name: string | undefined, options: Partial<Options> & { in?: string }): Promise<void> {
  const { in: file, key: keyFile, config } = options;
  if ((name === undefined) !== (config === undefined)) failUsage('a function and --config belong together');
  if ((file === undefined) !== (keyFile === undefined)) failUsage('--in and --key belong together');
  const target = name === undefined || config === undefined ? undefined : storeTargetOf(name, config);
  const backup = file === undefined || keyFile === undefined ? undefined : { file, key: loadSealingKey(keyFile) };
  const parts: Part[] = [];
  if (backup !== undefined) parts.push(inspectBackup(backup, target));
  if (target !== undefined) parts.push(await inspectStore(target, progressOn(options)));
  if (target !== undefined && backup !== undefined) parts.push(await compare(target, backup));
  if (parts.length === 0) failUsage('nothing to check: see --help');
  const ok = parts.every(({ faults }) => faults === 0);
  const json = Object.fromEntries(parts.map((part) => [part.what, part.json]));
  print(
    options,
    { ok, ...json },
    parts.flatMap(({ what, lines }) => lines.map((line) => `${what}: ${line}`)).join('\n'),
  );
  if (!ok) process.exitCode = 1;
}

async function runConfirm(name: string, options: Options): Promise<void> {
  const { kind, store: config } = storeTargetOf(name, options.config);
  if (config.driver === 'memory') throw new GbaError('store-in-memory', 'a store in memory never came out of a backup');
  const store = await openStore(config, systemClock);
  const done = await confirmRestored(store, kind).finally(() => store.close());
  if (done === undefined) {
    print(
      options,
      { confirmed: false },
      'nothing to confirm: the store did not come out of a backup, or was confirmed already',
    );
    return;
  }
  const { madeAt, restoredAt } = done.mark;
  const json = { confirmed: true, records: done.records, madeAt: isoOf(madeAt), restoredAt: isoOf(restoredAt) };
  print(options, json, `confirmed, with ${done.records} records that were held back`);
}
