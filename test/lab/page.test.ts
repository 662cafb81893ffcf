import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { silentLog, systemRandom } from '../../src/base/index.ts';
import { pageConfigSchema, startPage } from '../../src/lab/index.ts';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { gba } from '../cli/process.ts';
import { ask, credentialsFor, freshKey } from '../naf/support.ts';

let lab: Awaited<ReturnType<typeof startTestBsf>>;
const upstream = createServer((req, res) => res.end(`for ${req.headers['x-3gpp-asserted-identity']}`));
before(async () => {
  lab = await startTestBsf();
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
});
after(async () => {
  await lab.bsf.close();
  upstream.closeAllConnections();
  upstream.close();
});

const configOf = (more: object) => ({
  fqdn: NAF,
  listen: { port: 0 },
  zn: [{ bsf: BSF, peer: { url: lab.sbi, serverName: BSF } }],
  tls: lab.pki.files(NAF),
  ...more,
});

test('an address that no proxy can stand before is wrong usage, or a wrong configuration', async () => {
  for (const url of ['ftp://x', 'x', 'http://u:p@x', 'http://x/?y']) {
    const { code, err } = await gba(['naf', '--config', 'none.yaml', '--proxy', url]);
    assert.equal(code, 2, url);
    assert.match(err, /--proxy/);
    assert.equal(pageConfigSchema.safeParse(configOf({ proxy: { upstream: url } })).success, false);
  }
});

test('the page, or with `proxy` what the server behind says', async () => {
  const address = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  for (const [more, text] of [
    [{}, /^hello .*@bsf/],
    [{ proxy: { upstream: address, assert: 'btid' } }, /^for ".*@bsf/],
  ] as const) {
    const config = pageConfigSchema.parse(configOf(more));
    const page = await startPage(config, { clock: lab.clock, random: systemRandom, log: silentLog });
    const url = `http://127.0.0.1:${page.port}`;
    const challenge = await ask(url);
    assert.equal(challenge.status, 401);
    const answer = await ask(url, credentialsFor(challenge, await freshKey(lab)));
    assert.match(answer.body.toString(), text);
    await page.close();
  }
});
