import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse, stringify } from 'yaml';
import { assertChangedOnce, reportOf, runChange, withFleet } from '../support/fleet.ts';

const PER_OPERATOR = 3;

test('operators that are busy, or break answers off, are spared and asked again: bounded, all done, none twice', async () => {
  const under = new Map<string, number>();
  const most = new Map<string, number>();
  let asked = 0;
  let turnedAway = 0;
  /** Before the owner's requests: every fourth is refused for load, every ninth is served and its answer lost. */
  const wrap = (server: string, listener: (req: IncomingMessage, res: ServerResponse) => void) => {
    if (!server.endsWith(' sbi')) return listener;
    return (req: IncomingMessage, res: ServerResponse): void => {
      if (req.url?.startsWith('/owner/') !== true) {
        listener(req, res);
        return;
      }
      const now = (under.get(server) ?? 0) + 1;
      under.set(server, now);
      most.set(server, Math.max(most.get(server) ?? 0, now));
      res.once('close', () => under.set(server, (under.get(server) ?? 1) - 1));
      asked++;
      if (asked % 4 === 0) {
        turnedAway++;
        res.writeHead(asked % 8 === 0 ? 503 : 429).end();
        return;
      }
      if (asked % 9 === 0) res.end = ((): ServerResponse => res.destroy()) as typeof res.end;
      listener(req, res);
    };
  };
  await withFleet(
    16,
    async ({ lab, dir, args }) => {
      const path = join(dir, 'config', 'owner.yaml');
      const config = parse(readFileSync(path, 'utf8')) as object;
      writeFileSync(path, stringify({ ...config, perOperator: PER_OPERATOR }));
      const run = await runChange(['start', ...args]);
      assert.equal(run.code, 0, run.err + JSON.stringify(reportOf(run)));
      assert.ok(turnedAway > 5, `${turnedAway} turned away`);
      for (const [server, count] of most) assert.ok(count <= PER_OPERATOR, `${server}: ${count} at once`);
      await assertChangedOnce(lab, lab.plan.fleet);
    },
    { wrap },
  );
});
