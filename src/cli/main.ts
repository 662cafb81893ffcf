#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { z } from 'zod';
import { registerChange } from './commands/change.ts';
import { registerDerive } from './commands/derive.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerFunctions } from './commands/function.ts';
import { registerGuss } from './commands/guss.ts';
import { registerLab } from './commands/lab.ts';
import { registerM2meBootstrap } from './commands/m2me-bootstrap.ts';
import { registerOrder } from './commands/order.ts';
import { registerOwner } from './commands/owner.ts';
import { registerPki } from './commands/pki.ts';
import { registerStore } from './commands/store.ts';
import { registerToken } from './commands/token-inspect.ts';
import { registerVectors } from './commands/vectors.ts';
import { fail, failUsage } from './fail.ts';

// A reader that goes away (`gba vectors DIR | head`) has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  fail(error);
});

const packageJson = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
const { version } = z.object({ version: z.string() }).parse(JSON.parse(packageJson));

const program = new Command('gba')
  .description('3GPP GBA (BSF, HSS, NAF, UE) and the authorised operator change of machines')
  .version(version)
  .configureHelp({ sortSubcommands: true })
  // With the one in function.ts: options belong to the command they follow.
  .enablePositionalOptions()
  // Subcommands copy both: usage errors come to us, in our form, and end with 2.
  .configureOutput({ outputError: (text) => failUsage(text.replace(/^error: /, '')) })
  .exitOverride()
  .addHelpText(
    'after',
    '\nExit codes: 0 done, 1 refused or failed (one line on standard error says why), 2 wrong usage,\n3 still under way (`gba order status`).',
  );

registerLab(program);
registerChange(program);
registerOrder(program);
const functions = registerFunctions(program);
registerGuss(functions.hss);
registerM2meBootstrap(functions.m2me);
registerPki(functions.pki);
registerOwner(program);
registerDerive(program);
registerVectors(program);
registerToken(program);
registerDoctor(program);
registerStore(program);

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  fail(error);
});
