#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { registerDerive } from './commands/derive.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerFunctions } from './commands/function.ts';
import { registerLab } from './commands/lab.ts';
import { registerM2meBootstrap } from './commands/m2me-bootstrap.ts';
import { registerOwner } from './commands/owner.ts';
import { registerToken } from './commands/token-inspect.ts';
import { registerVectors } from './commands/vectors.ts';
import { fail } from './fail.ts';

const program = new Command('gba')
  .description('3GPP GBA (BSF, HSS, NAF, UE) and the authorised operator change of machines')
  .showHelpAfterError('(gba --help shows what there is)')
  .configureHelp({ sortSubcommands: true })
  // Subcommands copy this: usage errors come here too, and end with 2.
  .exitOverride();

registerLab(program);
const functions = registerFunctions(program);
registerM2meBootstrap(functions.m2me);
registerOwner(program);
registerDerive(program);
registerVectors(program);
registerToken(program);
registerDoctor(program);

program.parseAsync().catch((error: unknown) => {
  if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
  fail(error);
});
