import { type Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../base/index.ts';
import { type Faults, parseCut, type Variant } from '../lab/index.ts';

/** What kind of change a lab runs, and what goes wrong in it. */
export interface LabWishes {
  token: Variant;
  variant: 'replace' | 'both-present';
  enrol?: boolean;
  cut?: number;
  silent?: 'ro' | 'old-sho';
  expire?: 'ks' | 'token';
}

export function addWishes(command: Command): Command {
  return command
    .addOption(
      new Option('--token <variant>', "how the old operator's consent is shown: by GBA keys, or by signatures")
        .choices(['gba', 'signed'])
        .default('gba'),
    )
    .addOption(
      new Option('--variant <variant>', 'the new subscription comes by download, or is in a slot of its own before')
        .choices(['replace', 'both-present'])
        .default('replace'),
    )
    .option('--enrol', "machines have no factory key: the operator's PKI portal certifies one over GBA")
    .option('--cut <after=N>', "the old operator's connectivity is gone after step N, 8 to 11", cutOf)
    .addOption(new Option('--silent <party>', 'who never answers again after step 8').choices(['ro', 'old-sho']))
    .addOption(
      new Option('--expire <what>', 'a day passes: for keys after step 8, for the token after step 2').choices([
        'ks',
        'token',
      ]),
    );
}

function cutOf(text: string): number {
  try {
    return parseCut(text);
  } catch (error) {
    throw new InvalidArgumentError(messageOf(error));
  }
}

export const faultsOf = ({ cut, silent, expire }: LabWishes): Faults => ({
  ...(cut === undefined ? {} : { cutAfter: cut }),
  ...(silent === undefined ? {} : { silent }),
  ...(expire === undefined ? {} : { expire }),
});
