import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseSubscribers } from '../../src/hss/index.ts';
import { createMemoryStore } from '../../src/store/index.ts';
import { IMPI, K, makeCard, OPC, startTestHss, writeSubscribers } from './support.ts';

const OTHER = 'other@ims.test';
const YAML = `
- impi: ${IMPI}
  k: ${K}
  opc: ${OPC}
  amf: '8000'
  keyLifetimeSeconds: 300
- { impi: ${OTHER}, k: ${K}, opc: ${OPC} }
`;

const refusal = (text: string): string => {
  try {
    parseSubscribers(text);
  } catch (error) {
    assert.equal((error as { code?: string }).code, 'subscribers-invalid');
    assert.equal((error as Error).cause, undefined);
    return (error as Error).message;
  }
  return assert.fail('was taken');
};

test('a list that is not right is refused with the place of the first fault, and never with a value', () => {
  const one = { impi: IMPI, k: K, opc: OPC };
  const cases: [string, RegExp][] = [
    [JSON.stringify(one), /at top/],
    [JSON.stringify([one, { ...one, impi: OTHER, k: K.slice(1) }]), /at 1\.k: 32 hexadecimal digits/],
    [JSON.stringify([{ impi: IMPI, k: K }]), /at 0: exactly one of op and opc/],
    [JSON.stringify([{ ...one, lifetime: 1 }]), /at 0: .*lifetime/],
    [JSON.stringify([one, { ...one, impi: OTHER }, one]), /at 2\.impi: the same as 0\.impi/],
    [`- impi: ${IMPI}\n  k: 00112233445566778899001122334455\n  opc: ${OPC}`, /at 0\.k: .*quotes/],
    [`- impi: ${IMPI}\n  k: ${K}\n  opc: ${OPC}\n  amf: 0000`, /at 0\.amf: .*quotes/],
    [`- impi: ${IMPI}\n  k: "${K}\n  opc: ${OPC}\n`, /at line \d+: neither YAML nor JSON/],
    [`- impi: ${IMPI}\n  k: ${K}\n  k: ${K}\n  opc: ${OPC}\n`, /at line \d+: neither YAML nor JSON/],
    ['', /at top/],
  ];
  for (const [text, expected] of cases) {
    const message = refusal(text);
    assert.match(message, expected);
    for (const secret of [K, OPC]) assert.equal(message.includes(secret.slice(1, 20)), false, message);
  }
});

test('YAML and JSON say the same', () => {
  const fromYaml = parseSubscribers(YAML);
  assert.deepEqual(parseSubscribers(JSON.stringify(fromYaml)), fromYaml);
  assert.deepEqual(
    fromYaml.map(({ impi, amf, keyLifetimeSeconds }) => ({ impi, amf, keyLifetimeSeconds })),
    [
      { impi: IMPI, amf: '8000', keyLifetimeSeconds: 300 },
      { impi: OTHER, amf: '0000', keyLifetimeSeconds: undefined },
    ],
  );
});

test('an HSS with a wrong list does not start and keeps nothing of it', async () => {
  const store = createMemoryStore({ now: () => 1 });
  const subscribersFile = writeSubscribers('wrong.yaml', `${YAML}- { impi: ${IMPI}, k: ${K}, opc: ${OPC} }\n`);
  await assert.rejects(startTestHss({ store, config: { subscribersFile } }), { code: 'subscribers-invalid' });
  await assert.rejects(startTestHss({ store, config: { subscribersFile: '/nowhere.yaml' } }), {
    code: 'config-file-unreadable',
  });
  assert.deepEqual(await store.list('subscriber'), []);
});

test('a list is imported once: who was removed stays removed, and numbers do not start again', async () => {
  const subscribersFile = writeSubscribers('subscribers.yaml', YAML);
  const store = createMemoryStore({ now: () => 1 });
  const first = await startTestHss({ store, config: { subscribersFile } });
  const card = makeCard();
  assert.equal(card.take(await first.vector()).result, 'ok');
  await first.sho.send('DELETE', first.adminPath(OTHER));
  await first.close();

  const second = await startTestHss({ store, config: { subscribersFile } });
  assert.equal(card.take(await second.vector()).result, 'ok');
  assert.equal((await second.ask(OTHER)).status, 404);
  await second.sho.send('DELETE', second.adminPath(IMPI));
  await second.close();

  const third = await startTestHss({ store, config: { subscribersFile } });
  assert.equal((await third.ask(IMPI)).status, 404, 'the last one too');
  await third.close();
});
