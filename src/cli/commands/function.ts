import type { Command } from 'commander';
import { createLog, systemClock, systemRandom } from '../../base/index.ts';
import { FUNCTIONS, type FunctionCommand } from '../functions.ts';
import { logLevelOption } from '../options.ts';
import { closeOnSignal } from '../stopping.ts';

/** A close may take as long as the longest `drainSeconds`, and some more. */
const LONGEST_DRAIN_MS = 75_000;

/** `gba hss|bsf|naf|sho|ro|pva|pki|m2me --config FILE`; returns the commands so that others can hang theirs below. */
export function registerFunctions(program: Command): { hss: Command; m2me: Command; pki: Command } {
  const commands = new Map<string, Command>(FUNCTIONS.map((fn) => [fn.name, register(program, fn)]));
  const commandOf = (name: string): Command => commands.get(name) ?? program;
  return { hss: commandOf('hss'), m2me: commandOf('m2me'), pki: commandOf('pki') };
}

interface Options extends Record<string, unknown> {
  config?: string;
  logLevel: string;
  json?: true;
}

function register(program: Command, fn: FunctionCommand): Command {
  const command = program
    .command(fn.name)
    .description(`start ${fn.title}`)
    // Else this command would take --json from the subcommands below it.
    .enablePositionalOptions()
    .option('--config <file>', 'required: YAML or JSON; `gba lab` writes working ones under its folder')
    .addOption(logLevelOption('info'))
    .option('--json', 'the line that says it is up as JSON')
    .addHelpText(
      'after',
      '\nThe log is one JSON object a line on standard error. Ctrl-C or SIGTERM ends it with 0, when\nrequests under way have been answered (`limits.drainSeconds` of its servers, 5 by default).',
    )
    .action((options: Options, self: Command) => run(fn, options, self));
  const { option } = fn;
  return option === undefined ? command : command.option(option.flags, option.description, option.parse);
}

async function run(fn: FunctionCommand, options: Options, command: Command): Promise<void> {
  // Not a required option of commander's: subcommands would need it too.
  if (options.config === undefined) return command.error("error: required option '--config <file>' not specified");
  const log = createLog({ level: options.logLevel, name: fn.name });
  const own = fn.option === undefined ? undefined : options[fn.option.name];
  const deps = { clock: systemClock, random: systemRandom, log };
  const running = await fn.start(options.config, deps, typeof own === 'string' ? own : undefined);
  // The handlers first: whoever reads "up" may end us at once.
  closeOnSignal(async () => {
    await running.close();
    return 0;
  }, LONGEST_DRAIN_MS);
  const ports = Object.entries(running.ports).map(([name, port]) => `${name} ${port}`);
  const text = `gba ${fn.name}: up (${ports.join(', ')}); Ctrl-C stops it`;
  process.stdout.write(`${options.json ? JSON.stringify({ function: fn.name, ports: running.ports }) : text}\n`);
}
