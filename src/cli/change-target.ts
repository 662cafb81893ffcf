import { mkdirSync, readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { GbaError, systemClock, systemRandom } from '../base/index.ts';
import {
  type Connected,
  connectOwner,
  type FleetRow,
  type OwnerConfig,
  type OwnerJournal,
  ownerConfigSchema,
  parseFleet,
  VARIANTS,
  type Variant,
} from '../owner/index.ts';
import { loadConfig } from './config-file.ts';
import { type FolderLock, lockFolder } from './folder-lock.ts';
import { parseUrl } from './options.ts';

/** Which machines a command is about. */
export interface ChangeOptions {
  config: string;
  machine?: string;
  machineUrl?: string;
  fleet?: string;
  variant?: Variant;
  bothPresent?: boolean;
  json?: true;
}

export function addTarget(command: Command): Command {
  return command
    .option('--config <file>', "the owner's configuration", '.gba-lab/config/owner.yaml')
    .addOption(new Option('--machine <id>', 'one machine').conflicts('fleet'))
    .option('--machine-url <url>', 'its local interface; default: where it was reached last', parseUrl)
    .option('--fleet <csv>', 'many machines: a CSV file with the columns machine,url[,variant][,both-present]')
    .option('--json', 'one JSON object a line instead of text');
}

export function addKind(command: Command): Command {
  return command
    .addOption(
      new Option('--variant <variant>', "form of the token; default: the configuration's").choices([...VARIANTS]),
    )
    .option('--both-present', 'the machines hold the new subscription already');
}

/** The machines of the command line, before anything is opened; wrong usage ends the command. */
export type Chosen = (journal: OwnerJournal) => FleetRow[];

export function choose(options: ChangeOptions, command: Command): Chosen {
  const { machine: m2meId, machineUrl, fleet } = options;
  if (fleet !== undefined) {
    const rows = parseFleet(readFleet(fleet));
    return () => rows;
  }
  if (m2meId === undefined) command.error("error: one of '--machine <id>' and '--fleet <csv>' is needed");
  return (journal) => {
    const url = machineUrl ?? journal.of(m2meId).url;
    if (url === undefined)
      command.error("error: '--machine-url <url>' is needed: this machine was never reached before");
    return [{ m2meId, url }];
  };
}

function readFleet(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new GbaError('fleet-file-unreadable', `cannot read ${path}`, { cause });
  }
}

export interface AtWork extends Connected {
  config: OwnerConfig;
}

/** With the configuration's journal for this process alone. Throws `change-running` while another works with it. */
export async function connectAlone(path: string, signal: AbortSignal): Promise<AtWork> {
  const config = loadConfig(path, ownerConfigSchema);
  const lock = await lockJournal(config.journal);
  try {
    const connected = await connectOwner(config, { clock: systemClock, random: systemRandom, signal });
    return {
      ...connected,
      config,
      async close() {
        await connected.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function lockJournal(folder: string): Promise<FolderLock> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = await lockFolder(folder);
  if (lock !== undefined) return lock;
  throw new GbaError('change-running', `another command works with the journal in ${folder}: wait for it, or stop it`);
}
