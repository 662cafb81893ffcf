import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { fromHex } from '../../base/index.ts';
import { makeQuote } from '../../token/index.ts';
import type { Change } from '../journal.ts';
import { type Machine, move, showStep } from '../machine.ts';

const challengeSchema = z.looseObject({ orderId: z.string(), nonce: z.string() });
const verdictSchema = z.looseObject({ positive: z.boolean(), reason: z.string() });

/** Step 4: only for what the owner announced. The TRE signs its measurements over the PVA's nonce. */
export async function attest(machine: Machine, change: Change): Promise<boolean> {
  const { config, tre } = machine;
  const pva = machine.links.plain({ id: config.pva.id, url: config.pva.peer.url });
  const query = new URLSearchParams({ m2me: config.id, sho: change.claims.newSho.id });
  const asked = await pva.call('GET', `/m2me/v1/challenges?${query}`);
  if (asked.status !== 200) return false;
  const { orderId, nonce } = asked.json(challengeSchema);
  const quote = await makeQuote(
    {
      m2meId: config.id,
      nonce: fromHex(nonce, 32, 'nonce'),
      orderId,
      measurements: measure(config.measurements),
      treCertificate: tre.decryption.certificate,
    },
    tre.device.signer(),
  );
  showStep(machine, 4, 'signed measurements', { to: config.pva.id, serial: change.serial });
  const answer = await pva.call('POST', '/m2me/v1/quotes', { bytes: quote });
  const { positive, reason } = answer.json(verdictSchema);
  machine.log.info('attested', { orderId, positive, reason });
  await move(machine, change, 'quoted');
  return true;
}

function measure(measurements: Machine['config']['measurements']): { name: string; sha256: Buffer }[] {
  return Object.entries(measurements).map(([name, source]) => ({
    name,
    sha256:
      typeof source === 'string'
        ? fromHex(source, 32, name)
        : createHash('sha256').update(readFileSync(source.file)).digest(),
  }));
}
