import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { opcFromOp } from '../../src/aka/index.ts';
import { SecretKey } from '../../src/base/index.ts';
import { uaIdOfCipherSuite } from '../../src/gba/index.ts';
import { createMachineClient, type Lab, NAMES } from '../../src/lab/index.ts';
import { openToken, readToken } from '../../src/token/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';
import { createLogBook, createRecorder, octetsOf, type Recorded, sayAgain } from './recorder.ts';

const MACHINE = 'm2me-0001';
const SUITES = ['TLS_AES_256_GCM_SHA384', 'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'];
const PSK_TLS13 = Buffer.from('0100000007', 'hex');
const [oldSubscription] = EXAMPLE_SCENARIO.machines.map(({ subscription }) => subscription);
const [newSubscription] = EXAMPLE_SCENARIO.newSubscriptions;
assert.ok(oldSubscription !== undefined && newSubscription !== undefined);

/** K and OPc of a subscription, and the OP it was given with. */
function secretsOf({ k, op }: { k: string; op: string }): [string, Buffer][] {
  const [key, operator] = [Buffer.from(k, 'hex'), Buffer.from(op, 'hex')];
  return [
    ['K', key],
    ['OP', operator],
    ['OPc', Buffer.from(opcFromOp(SecretKey.copyOf(key), operator).bytes())],
  ];
}

/** Octets as they are, in hexadecimal of either case, in base64 at any offset. */
function assertNowhere(where: string, octets: Buffer, secrets: readonly (readonly [string, Buffer])[]): void {
  const lower = Buffer.from(octets.toString('latin1').toLowerCase(), 'latin1');
  for (const [what, secret] of secrets) {
    const forms = [0, 1, 2].map((shift) => {
      const text = Buffer.concat([Buffer.alloc(shift), secret])
        .toString('base64')
        .replace(/=+$/, '');
      return text.slice(Math.ceil((shift * 8) / 6), -1);
    });
    const found = octets.includes(secret) || lower.includes(secret.toString('hex'));
    assert.equal(found || forms.some((form) => octets.includes(form)), false, `${what} in ${where}`);
  }
}

test('the search for secrets finds them raw, in hexadecimal, and in base64 at any offset', () => {
  const secret = Buffer.from('465b5ce8b199b49faa5f0a2ee238a6bc', 'hex');
  for (const octets of [
    secret,
    Buffer.from(secret.toString('hex').toUpperCase()),
    ...[1, 2, 3, 4].map((shift) => Buffer.from(Buffer.concat([Buffer.alloc(shift, 7), secret]).toString('base64'))),
  ]) {
    assert.throws(() => assertNowhere('here', Buffer.concat([Buffer.from('xx'), octets]), [['K', secret]]));
  }
  assertNowhere('here', Buffer.from('nothing'), [['K', secret]]);
});

function filesUnder(path: string): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** What the old SHO's side is called, in every form that could show it. */
const NAMES_OF_OLD = ['sho-a', oldSubscription.impi, oldSubscription.impi.split('@')[0] ?? '', 'mnc001'];

/** All that came, and all that was base64 in it. */
const unpacked = (said: Recorded): Buffer[] => {
  const octets = octetsOf(said);
  const texts = octets.toString('latin1').matchAll(/[A-Za-z0-9+/]{24,}={0,2}/g);
  return [octets, ...[...texts].map(([text]) => Buffer.from(text, 'base64'))];
};

async function oldKeys(lab: Lab): Promise<{ btid: string; keys: [string, Buffer][] }> {
  const machine = createMachineClient(`http://127.0.0.1:${lab.plan.m2me[0]?.local.port}`);
  const keys: [string, Buffer][] = [];
  let btid = '';
  // Each look is a bootstrapping; the last one is that of the change, and its key the one of its connections.
  for (const naf of [NAMES.ro, NAMES.oldSho]) {
    for (const uaId of [Buffer.from('ff00000001', 'hex'), ...SUITES.map(uaIdOfCipherSuite), PSK_TLS13]) {
      const shown = await machine.bootstrap({ naf, uaId: uaId.toString('hex') });
      keys.push([`Ks_NAF of ${naf} ${uaId.toString('hex')}`, Buffer.from(shown.ksNaf ?? '', 'hex')]);
      ({ btid } = shown);
    }
  }
  machine.close();
  // The old SHO has to know the newest one before it issues a token for it.
  for (let look = 0; look < 100; look++) {
    const state = await lab.stores.get(MACHINE)?.get<{ toldBtid: string | null }>('m2me', 'machine');
    if (state?.value.toldBtid === btid) break;
    await delay(50);
  }
  return { btid, keys };
}

for (const variant of ['gba', 'signed'] as const) {
  test(`I6, I7 (${variant}): a whole change: no log, store, journal or TRE holds a secret, the new SHO nothing of the old one`, async () => {
    const recorder = createRecorder();
    const { log, lines } = createLogBook();
    let token = Buffer.alloc(0);
    await withLab(
      async ({ lab, owner }) => {
        const { btid, keys } = await oldKeys(lab);
        const result = await owner.change(MACHINE, 30_000, { variant });
        assert.equal(result.state, 'done', result.reason);
        token = Buffer.from(owner.journal.of(MACHINE).token ?? '', 'base64');
        const tag0: [string, Buffer][] =
          variant === 'gba' ? [['tag0', Buffer.from(readToken(token).tag0.bytes())]] : [];

        // Secrets: the old and the new subscription's, keys of contexts, the token's own.
        const secrets = [...secretsOf(oldSubscription), ...secretsOf(newSubscription), ...keys, ...tag0];
        assertNowhere('the logs', Buffer.from(lines.map(({ text }) => text).join('\n')), secrets);
        assert.ok(lines.length > 20);
        const { dir } = lab.options;
        // The owner's own journal holds the token by right (I6), in a folder of the owner's.
        const stores = filesUnder(join(dir, 'store')).filter((file) => !file.includes(join('store', 'owner')));
        const files = [...stores, ...filesUnder(join(dir, 'tre'))];
        assert.ok(files.length > 12, 'the stores are files');
        for (const file of files) assertNowhere(file, readFileSync(file), secrets);
        for (const one of recorder.requests.filter(({ server }) => !/^hss/.test(server))) {
          assertNowhere(`${one.method} ${one.path} to ${one.server}`, octetsOf(one), secretsOf(newSubscription));
        }
        for (const one of recorder.requests.filter(({ server }) => server.startsWith(NAMES.ro))) {
          for (const octets of unpacked(one)) assertNowhere(`${one.path} to the RO`, octets, tag0);
        }

        // Step 8: of the old subscription not even its name is left in the TRE.
        for (const file of filesUnder(join(dir, 'tre'))) {
          const octets = readFileSync(file);
          for (const name of [oldSubscription.impi, btid]) assert.equal(octets.includes(name), false, file);
        }

        // I7: what the new SHO received and logged.
        const received = recorder.requests.filter(({ server }) => server.startsWith(NAMES.newSho));
        const { claims } = await openToken(token);
        const heard = [
          ...received.flatMap(unpacked),
          ...lines.filter(({ fn }) => fn === NAMES.newSho).map(({ text }) => Buffer.from(text)),
        ];
        assert.ok(lines.some(({ fn }) => fn === NAMES.newSho));
        const ports = lab.plan.sho
          .filter(({ id }) => id === NAMES.oldSho)
          .flatMap(({ ua, sbi }) => [ua.port, sbi.port]);
        for (const octets of heard) {
          for (const name of [...NAMES_OF_OLD, btid, ...ports.map((port) => `:${port}`)]) {
            for (const form of [name, Buffer.from(name).toString('hex')]) {
              assert.equal(octets.includes(form), false, `${form} in ${octets.toString('latin1').slice(0, 300)}`);
            }
          }
        }

        // What step 1 shows to the new SHO, as docs/security.md lists it.
        const order = received.find(({ path }) => path === '/owner/v1/orders');
        assert.ok(order !== undefined);
        const members = JSON.parse(order.body.toString()) as Record<string, unknown>;
        assert.deepEqual(Object.keys(members).sort(), ['algorithms', 'm2meId', 'pvaId', 'roId', 'token']);
        assert.deepEqual(Object.keys(claims.bootstrap), variant === 'gba' ? ['blinded'] : ['device']);
        const shown = await openToken(Buffer.from(String(members['token']), 'base64'));
        assert.equal(shown.device !== undefined, variant === 'signed');

        // The old B-TID serves nobody any more.
        const proven = recorder.requests.filter(({ path, rawHeaders }) => {
          return path.startsWith('/ua/') && rawHeaders.some((header) => header.includes(`"${btid}"`));
        });
        const perServer = new Map(proven.map((one) => [one.server, one]));
        assert.deepEqual([...perServer.keys()], [`${NAMES.ro} ua`]);
        for (const one of perServer.values()) assert.equal((await sayAgain(lab, one))?.status, 401);
        // With the old SHO the connection was the proof: there is nothing that could be said again.
        const unregistered = recorder.requests.filter(({ path }) => path === '/ua/v1/unregistrations');
        assert.deepEqual(new Set(unregistered.map(({ server }) => server)), new Set([`${NAMES.oldSho} ua`]));
        const held = lab.stores.get(`bsf.${NAMES.oldSho}`);
        assert.equal((await held?.list('bsf-context'))?.length, 0);
      },
      { scenario: { ...EXAMPLE_SCENARIO, basePort: 0 }, driver: 'lmdb', log, wrap: recorder.wrap },
    );
  });
}
