import { type Command, InvalidArgumentError, Option } from 'commander';
import { createLog, GbaError, systemClock, systemRandom } from '../../base/index.ts';
import { type Authority, openAuthority, pkiConfigSchema } from '../../pki/index.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../../x509/index.ts';
import { loadConfig } from '../config-file.ts';

interface Options {
  config: string;
  json?: true;
}

/**
 * What the operator does to the portal's certificates: on its store and with its authority's key, so it is whoever may read
 * those files, and no administrator's door stands open on the network. A running portal notices.
 */
export function registerPki(pki: Command): void {
  const below = (name: string, description: string): Command =>
    pki
      .command(name)
      .description(description)
      .requiredOption('--config <file>', "the portal's configuration")
      .option('--json', 'JSON instead of text');

  below('list', 'show the certificates that were issued, oldest first').action(list);
  below('crl', 'issue the next revocation list now, and write its file').action(crl);
  below('revoke', 'revoke a certificate: its key is never certified again')
    .argument('<serial>', 'its serial number in hexadecimal, as `gba pki list` shows it', parseSerial)
    .addOption(new Option('--reason <reason>', 'goes into the list').choices(Object.keys(REVOCATION_REASONS)))
    .action(revoke);
}

/** Also as other tools write it: capitals, colons. */
function parseSerial(text: string): string {
  const serial = text.replaceAll(':', '').toLowerCase();
  if (!/^(?:[0-9a-f]{2}){1,20}$/.test(serial)) {
    throw new InvalidArgumentError('Expected up to 20 octets in hexadecimal.');
  }
  return serial;
}

async function withAuthority<T>({ config: path }: Options, work: (authority: Authority) => Promise<T>): Promise<T> {
  const config = loadConfig(path, pkiConfigSchema);
  if (config.store.driver === 'memory') {
    throw new GbaError('config-invalid', `${path}: a store in memory is seen by no other process`);
  }
  const log = createLog({ level: 'error', name: 'pki' });
  const authority = await openAuthority(config, { clock: systemClock, random: systemRandom, log });
  return await work(authority).finally(() => authority.close());
}

async function list(options: Options): Promise<void> {
  const issued = await withAuthority(options, ({ certificates }) => certificates.list());
  const now = systemClock.now();
  const shown = issued
    .sort((a, b) => a.issuedAt - b.issuedAt)
    .map(({ serial, subject, impi, notAfter, revoked }) => ({
      serial,
      subject,
      impi,
      ends: new Date(notAfter).toISOString(),
      state: revoked !== undefined ? `revoked ${revoked.reason ?? ''}`.trim() : notAfter <= now ? 'ended' : 'valid',
    }));
  const lines = shown.map((one) => [one.serial, one.ends, one.state, one.subject, one.impi].join('  '));
  print(options, shown, lines.length > 0 ? lines.join('\n') : 'no certificates were issued');
}

async function revoke(serial: string, options: Options & { reason?: RevocationReason }): Promise<void> {
  const done = await withAuthority(options, async ({ certificates, crlList }) => {
    const { at, reason } = await certificates.revoke(serial, options.reason);
    const { number, ...list } = await crlList.publish();
    return {
      serial,
      at: new Date(at).toISOString(),
      ...(reason === undefined ? {} : { reason }),
      crl: number,
      ...list,
    };
  });
  print(options, done, `${serial} is revoked since ${done.at}; ${listText(done.crl, done, 'of them')}`);
}

async function crl(options: Options): Promise<void> {
  const { number, ...list } = await withAuthority(options, ({ crlList }) => crlList.publish());
  print(options, { crl: number, ...list }, listText(number, list, 'revoked certificates'));
}

function listText(number: number, { count, held }: { count: number; held?: true }, what: string): string {
  if (held === true) return `no list is issued before the restored store is confirmed; ${count} are revoked in it`;
  return `list ${number} has ${count} ${what}`;
}

function print(options: Options, json: unknown, text: string): void {
  process.stdout.write(`${options.json ? JSON.stringify(json) : text}\n`);
}
