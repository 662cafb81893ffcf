import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { openAuthority, pkiStoreKind, startPki } from '../../src/pki/index.ts';
import { confirmRestored, type Op, type Store } from '../../src/store/index.ts';
import { readCertificate, readCrl, serialNumberOf } from '../../src/x509/index.ts';
import { asUe, certificateIn, csrPem, enrolment, keyFor, startPortal } from '../pki/support.ts';
import { outOfBackup, RESTORED_AT } from './support.ts';

const SPACES = ['pki-certificate', 'pki-subject', 'pki-revocation', 'pki-revoked-key', 'pki-crl'];

async function recordsOf(store: Store): Promise<Op[]> {
  const all = await Promise.all(SPACES.map(async (space) => ({ space, entries: await store.list(space) })));
  return all.flatMap(({ space, entries }) => entries.map(({ key, value }) => ({ space, key, put: value })));
}

test('a portal out of a backup issues no list before it is confirmed; what is revoked again is on it, and its number is new', async () => {
  const lab = await startPortal();
  try {
    const answer = await asUe(lab, await keyFor(lab), enrolment(csrPem()));
    const serial = serialNumberOf(readCertificate(certificateIn(answer)));
    const records = await recordsOf(lab.deps.store);
    // Since the backup.
    const authority = await openAuthority(lab.config, lab.deps);
    await authority.certificates.revoke(serial);
    await authority.crlList.publish();
    const lost = readCrl(lab.crlFile());
    assert.ok(lost.revoked.has(serial));

    await outOfBackup('pki', pkiStoreKind, records, async (store, clock) => {
      const deps = { ...lab.deps, store, clock };
      await assert.rejects(startPki(lab.config, deps), { code: 'store-unconfirmed' });
      const next = await openAuthority(lab.config, deps);
      assert.equal((await next.crlList.publish()).held, true);
      assert.deepEqual(readFileSync(lab.config.crlFile, 'utf8'), lab.crlFile());
      assert.ok(readCrl(lab.crlFile()).der.equals(lost.der), 'the list that is known stays');

      await next.certificates.revoke(serial);
      await confirmRestored(store, pkiStoreKind);
      const portal = await startPki(lab.config, deps);
      const list = readCrl(lab.crlFile());
      assert.ok(list.revoked.has(serial));
      assert.equal(Number.parseInt(list.number ?? '', 16), Math.floor(RESTORED_AT / 1000) + 1);
      await portal.close();
    });
  } finally {
    await lab.close();
  }
});
