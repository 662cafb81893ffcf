import type { Command } from 'commander';
import { createLog, GbaError, systemClock } from '../../base/index.ts';
import { buildGuss, type Guss } from '../../gba/index.ts';
import { gussOfText, hssConfigSchema, openSettings } from '../../hss/index.ts';
import { readTextFile } from '../../http/index.ts';
import { loadConfig } from '../config-file.ts';

interface Options {
  config: string;
  json?: true;
}

/**
 * User security settings, on the store of the HSS: so it is whoever may read that, as with `gba pki`. A running HSS sees the
 * change with the next request; BSFs get it with the subscriber's next bootstrapping.
 */
export function registerGuss(hss: Command): void {
  const guss = hss.command('guss').description("a subscriber's GBA user security settings (GUSS)");
  const below = (name: string, description: string): Command => guss.command(name).description(description);
  const onStore = (name: string, description: string): Command =>
    below(name, description)
      .argument('<impi>', 'whose')
      .requiredOption('--config <file>', "the HSS's configuration")
      .option('--json', 'JSON instead of text');

  onStore('show', 'show them: XML of TS 29.109 annex A, or JSON of TS 29.562').action(show);
  onStore('set', 'replace them by a file')
    .argument('<file>', 'XML, JSON or YAML; anything that the schema does not have is refused, with its place')
    .action(set);
  onStore('remove', 'take them away').action(async (impi: string, options: Options) => {
    await withSettings(options, (settings) => settings.set(impi, {}));
    say(options, { impi, services: 0 }, `${impi} has no settings`);
  });
  below('check', 'say whether a file could be set, and what is wrong with it where')
    .argument('<file>', 'XML, JSON or YAML')
    .option('--json', 'JSON instead of text')
    .action((file: string, options: Pick<Options, 'json'>) => {
      const { ussList = [] } = gussOfText(readTextFile(file));
      say(options, { valid: true, services: ussList.length }, `valid, services: ${ussList.length}`);
    });
}

type Settings = Awaited<ReturnType<typeof openSettings>>;

async function withSettings<T>({ config: path }: Options, work: (settings: Settings) => Promise<T>): Promise<T> {
  const config = loadConfig(path, hssConfigSchema);
  if (config.store.driver === 'memory') {
    throw new GbaError('config-invalid', `${path}: a store in memory is seen by no other process`);
  }
  const settings = await openSettings(config, { clock: systemClock, log: createLog({ level: 'error', name: 'hss' }) });
  return await work(settings).finally(() => settings.close());
}

async function show(impi: string, options: Options): Promise<void> {
  const { guss, changedAt } = await withSettings(options, (settings) => settings.get(impi));
  say(options, guss, buildGuss(impi, guss, changedAt).toString().trimEnd());
}

async function set(impi: string, file: string, options: Options): Promise<void> {
  const guss: Guss = gussOfText(readTextFile(file), impi);
  await withSettings(options, (settings) => settings.set(impi, guss));
  const services = guss.ussList?.length ?? 0;
  say(options, { impi, services }, `${impi} has settings of ${services} services`);
}

function say({ json }: Pick<Options, 'json'>, value: object, text: string): void {
  process.stdout.write(`${json ? JSON.stringify(value) : text}\n`);
}
