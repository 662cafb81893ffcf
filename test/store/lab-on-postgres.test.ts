import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bsfOf, missingSteps, NAMES } from '../../src/lab/index.ts';
import { EXAMPLE_SCENARIO, withLab } from '../support/lab.ts';
import { postgresOrSkip, startPostgres } from '../support/postgres.ts';
import { postgresConfig } from './support.ts';

test('a whole operator change with every party on one PostgreSQL, each in its schema', postgresOrSkip, async () => {
  const server = await startPostgres();
  const schemaOf = (party: string): string => party.replaceAll(/[^a-z0-9]/g, '_');
  const driver = (party: string) => postgresConfig(server.url, { schema: schemaOf(party), maxConnections: 4 });
  try {
    await withLab(
      async ({ lab, owner, events }) => {
        const result = await owner.change('m2me-0001', 60_000);
        assert.equal(result.state, 'done', result.reason);
        assert.equal(result.operator, NAMES.newSho);
        assert.equal(result.bootstrappedAt, bsfOf(NAMES.newSho));
        assert.deepEqual(missingSteps(events), []);
        const oldImpi = EXAMPLE_SCENARIO.machines[0]?.subscription.impi ?? '';
        assert.equal(await lab.stores.get('hss.sho-a.test')?.get('subscriber', oldImpi), undefined);
        for (const party of lab.stores.keys()) {
          const [row] = await server.query(`SELECT count(*)::int AS n FROM ${schemaOf(party)}.migrations`);
          assert.ok(Number(row?.['n']) > 0, party);
        }
      },
      { driver },
    );
  } finally {
    await server.stop();
  }
});
