import { Argument, type Command } from 'commander';
import pc from 'picocolors';
import { examine } from '../doctor/index.ts';
import { FUNCTIONS } from '../functions.ts';

const HELP = `
Run it before the function is started, as the user that will run it: it listens on the ports for a moment and opens the
store, and changes nothing. Exit code 0 when nothing is wrong.

Example:
  gba doctor bsf --config .gba-lab/config/bsf-a.yaml`;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check a configuration, its certificates, ports, clock and store, and say what to do')
    .addArgument(new Argument('<function>', 'which function').choices(FUNCTIONS.map((fn) => fn.name)))
    .requiredOption('--config <file>', 'its configuration')
    .option('--json', 'one JSON object')
    .addHelpText('after', HELP)
    .action(async (name: string, options: { config: string; json?: true }) => {
      const findings = await examine(name, options.config);
      const ok = findings.every((finding) => finding.ok);
      const lines = findings.map((one) => `${one.ok ? pc.green('ok  ') : pc.red('FAIL')} ${one.what}: ${one.detail}`);
      const json = { function: name, config: options.config, ok, findings };
      process.stdout.write(`${options.json ? JSON.stringify(json) : lines.join('\n')}\n`);
      if (!ok) process.exitCode = 1;
    });
}
