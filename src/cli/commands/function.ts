import type { Command } from 'commander';
import { createLog, systemClock, systemRandom } from '../../base/index.ts';
import { fail } from '../fail.ts';
import { FUNCTIONS, type FunctionCommand } from '../functions.ts';

/** `gba hss|bsf|naf|sho|ro|pva|m2me --config FILE`; returns the commands so that others can hang theirs below. */
export function registerFunctions(program: Command): { m2me: Command } {
  const commands = new Map(FUNCTIONS.map((fn) => [fn.name, register(program, fn)]));
  return { m2me: commands.get('m2me') ?? program };
}

function register(program: Command, fn: FunctionCommand): Command {
  return program
    .command(fn.name)
    .description(`start ${fn.title}`)
    .option('--config <file>', 'YAML or JSON; `gba lab` writes working ones under its folder')
    .option('--log-level <level>', 'info, warn, error', 'info')
    .action(async (options: { config?: string; logLevel: string }, command: Command) => {
      if (options.config === undefined) return command.help({ error: true });
      const log = createLog({ level: options.logLevel, name: fn.name });
      const running = await fn.start(options.config, { clock: systemClock, random: systemRandom, log });
      // The handlers first: whoever reads "up" may end us at once.
      const stop = () => void running.close().then(() => process.exit(0), fail);
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
      const ports = Object.entries(running.ports).map(([name, port]) => `${name} ${port}`);
      process.stdout.write(`gba ${fn.name}: up (${ports.join(', ')}); Ctrl-C stops it\n`);
    });
}
