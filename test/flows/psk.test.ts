import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Listener } from '../../src/http/index.ts';
import { NAMES } from '../../src/lab/index.ts';
import { pskTunnelOf } from '../../src/tls/index.ts';
import { withLab } from '../support/lab.ts';

const MACHINE = 'm2me-0001';

/** Runs a change; gives what reached the operators' servers for machines, and by which key of a connection. */
async function change(ua: { ua?: 'psk' | 'auto' | 'digest'; roUa?: 'psk' | 'auto' | 'digest' }) {
  const seen: { server: string; path: string; uaId: string | undefined }[] = [];
  const wrap = (server: string, listener: Listener): Listener => {
    if (!server.endsWith(' ua')) return listener;
    return (req, res) => {
      const path = req.url?.split('?', 1)[0] ?? '';
      res.on('finish', () => {
        const uaId = pskTunnelOf(req.socket)?.uaId.toString('hex');
        if (res.statusCode < 300) seen.push({ server, path, uaId });
      });
      listener(req, res);
    };
  };
  await withLab(
    async ({ owner }) => {
      const result = await owner.change(MACHINE, 30_000);
      assert.equal(result.state, 'done', result.reason);
    },
    { ua, wrap },
  );
  const of = (server: string) => {
    const at = seen.filter((one) => one.server === `${server} ua`);
    return { paths: new Set(at.map(({ path }) => path)), uaIds: new Set(at.map(({ uaId }) => uaId)) };
  };
  return { oldSho: of(NAMES.oldSho), newSho: of(NAMES.newSho), ro: of(NAMES.ro) };
}

const TLS13 = new Set(['0100000007']);
const NONE = new Set([undefined]);
/** Nothing had to go by its MAC alone. */
const onUaOnly = (paths: ReadonlySet<string>) => [...paths].every((path) => path.startsWith('/ua/'));

test('by default Ua with both operators is PSK TLS, also the unregistration after the discard; the RO shows its certificate', async () => {
  const { oldSho, newSho, ro } = await change({});
  assert.deepEqual([oldSho.uaIds, newSho.uaIds, ro.uaIds], [TLS13, TLS13, NONE]);
  assert.ok(oldSho.paths.has('/ua/v1/unregistrations'));
  assert.ok(ro.paths.has('/ua/v1/acknowledgements') && ro.paths.has('/ua/v1/results'));
  assert.ok(onUaOnly(oldSho.paths) && onUaOnly(ro.paths), JSON.stringify([...oldSho.paths, ...ro.paths]));
});

test('all of Ua over PSK TLS: the sessions that outlive the discarded subscription too', async () => {
  const { oldSho, newSho, ro } = await change({ ua: 'psk', roUa: 'psk' });
  assert.deepEqual([oldSho.uaIds, newSho.uaIds, ro.uaIds], [TLS13, TLS13, TLS13]);
  assert.ok(ro.paths.has('/ua/v1/acknowledgements') && ro.paths.has('/ua/v1/results'));
  assert.ok(onUaOnly(oldSho.paths) && onUaOnly(ro.paths), JSON.stringify([...oldSho.paths, ...ro.paths]));
});

test('all of Ua by Digest inside TLS, on the same servers', async () => {
  const { oldSho, newSho, ro } = await change({ ua: 'digest', roUa: 'digest' });
  assert.deepEqual([oldSho.uaIds, newSho.uaIds, ro.uaIds], [NONE, NONE, NONE]);
  assert.ok(oldSho.paths.has('/ua/v1/unregistrations'));
});

test('with the choice of both, the servers take the key', async () => {
  const { oldSho, ro } = await change({ ua: 'auto', roUa: 'auto' });
  assert.deepEqual([oldSho.uaIds, ro.uaIds], [TLS13, TLS13]);
});
