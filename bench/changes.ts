import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog, systemClock, systemRandom } from '../src/base/index.ts';
import { loadTls } from '../src/http/index.ts';
import { createOwner, NAMES, type Scenario, startLab } from '../src/lab/index.ts';

const MACHINES = 40;
/** Requests that the parties send each other for one change, without polling (docs/protocol.md). */
const REQUESTS = 30;

function scenarioOf(count: number): Scenario {
  const hex = (i: number, fill: string): string => i.toString(16).padStart(8, '0').padEnd(32, fill);
  const list = Array.from({ length: count }, (_, i) => i + 1);
  return {
    basePort: 0,
    graceMs: 60_000,
    machines: list.map((i) => ({
      id: `m2me-${i}`,
      subscription: { impi: `old${i}@ims.mnc001.mcc001.3gppnetwork.org`, k: hex(i, 'a'), op: hex(i, 'b') },
    })),
    newSubscriptions: list.map((i) => ({
      impi: `new${i}@ims.mnc070.mcc999.3gppnetwork.org`,
      k: hex(i, 'c'),
      op: hex(i, 'd'),
    })),
  };
}

/** Whole operator changes a second, many machines at once, against as many bare HTTPS requests as the parties send. */
export async function benchChanges(): Promise<{ name: string; ratio: number; perSecond: number; reference: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'gba-bench-'));
  const options = { clock: systemClock, random: systemRandom, log: silentLog };
  const lab = await startLab({ dir, scenario: scenarioOf(MACHINES), ...options });
  const owner = await createOwner(lab);
  try {
    const tls = loadTls(await lab.pki.tls(NAMES.ro));
    await bareRequests(tls);
    // Before and after, so that a machine that slows down meanwhile does not count for the product or against it.
    const before = await bareRequests(tls);
    const startedAt = performance.now();
    const results = await Promise.all(lab.plan.m2me.map(({ id }) => owner.change(id, 120_000)));
    const seconds = (performance.now() - startedAt) / 1000;
    const failed = results.filter((result) => result.state !== 'done');
    if (failed.length > 0) throw new Error(`${failed.length} changes did not end: ${failed[0]?.reason}`);
    const perSecond = MACHINES / seconds;
    const bare = (before + (await bareRequests(tls))) / 2 / REQUESTS;
    return {
      name: 'operator changes',
      perSecond,
      ratio: perSecond / bare,
      reference: `${REQUESTS} bare HTTPS requests for each, every one on a new connection`,
    };
  } finally {
    await owner.close();
    await lab.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Bare HTTPS requests a second, each on a new connection, as a machine that wakes up makes them. */
async function bareRequests(tls: { cert: string; key: string; ca: string }): Promise<number> {
  const server = createServer(tls, (_, res) => res.end('ok'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const once = () =>
    new Promise<void>((resolve, reject) => {
      const options = { host: '127.0.0.1', port, ca: tls.ca, servername: NAMES.ro, agent: false };
      const req = request(options, (res) => res.resume().on('end', resolve));
      req.on('error', reject);
      req.end();
    });
  const total = 400;
  const startedAt = performance.now();
  for (let i = 0; i < total; i += 20) await Promise.all(Array.from({ length: 20 }, once));
  const perSecond = total / ((performance.now() - startedAt) / 1000);
  server.close();
  return perSecond;
}
