export interface Migration {
  number: number;
  name: string;
  sql(schema: string): string;
}

/**
 * All that was ever done to a schema, in order. Append only: a migration that has been released is never changed.
 *
 * One table for all spaces: a commit goes over several spaces and is one call here; no right to make tables is needed once
 * the schema stands, whatever spaces a later version has; and one index finds all that has expired. Keys are compared octet
 * by octet (collation "C"), whatever the database's own order. Values are the driver's JSON text, which jsonb would alter.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    number: 1,
    name: 'records',
    sql: (schema) => `
      CREATE TABLE ${schema}.records (
        space text COLLATE "C" NOT NULL,
        key text COLLATE "C" NOT NULL,
        value text NOT NULL,
        version bigint NOT NULL,
        expires_at double precision,
        PRIMARY KEY (space, key)
      );
      CREATE SEQUENCE ${schema}.versions;
      ${commitFunction(schema)}`,
  },
  {
    number: 2,
    name: 'expiry',
    sql: (schema) => `
      CREATE INDEX records_expiry ON ${schema}.records (expires_at) WHERE expires_at IS NOT NULL;`,
  },
];

/**
 * A whole commit in one call. First it locks every record in the order of the arrays, which is the same for all, so that
 * no two commits wait for each other; an absent record is locked by inserting it (with its value, if it is to have one).
 * Then it writes. Exclusive locks up to the end of the transaction make commits strictly serial on the keys they share,
 * also under READ COMMITTED. `vals` null and `removes` false: a condition only.
 */
function commitFunction(schema: string): string {
  return `
    CREATE FUNCTION ${schema}.commit_changes(
      at double precision, spaces text[], keys text[], expects bigint[], vals text[], removes boolean[],
      ends double precision[]
    ) RETURNS boolean LANGUAGE plpgsql AS $body$
    DECLARE
      made boolean[] := array_fill(false, ARRAY[cardinality(keys)]);
      was bigint;
    BEGIN
      FOR i IN 1 .. cardinality(keys) LOOP
        LOOP
          SELECT CASE WHEN r.expires_at <= at THEN 0 ELSE r.version END INTO was
            FROM ${schema}.records r WHERE r.space = spaces[i] AND r.key = keys[i] FOR UPDATE;
          EXIT WHEN FOUND;
          was := 0;
          EXIT WHEN expects[i] > 0;
          INSERT INTO ${schema}.records (space, key, value, version, expires_at)
            VALUES (spaces[i], keys[i], coalesce(vals[i], ''), nextval('${schema}.versions'), ends[i])
            ON CONFLICT DO NOTHING;
          made[i] := FOUND;
          EXIT WHEN FOUND;
        END LOOP;
        IF expects[i] <> was THEN
          FOR j IN 1 .. i LOOP
            IF made[j] THEN
              DELETE FROM ${schema}.records r WHERE r.space = spaces[j] AND r.key = keys[j];
            END IF;
          END LOOP;
          RETURN false;
        END IF;
      END LOOP;
      FOR i IN 1 .. cardinality(keys) LOOP
        IF removes[i] OR (vals[i] IS NULL AND made[i]) THEN
          DELETE FROM ${schema}.records r WHERE r.space = spaces[i] AND r.key = keys[i];
        ELSIF vals[i] IS NOT NULL AND NOT made[i] THEN
          UPDATE ${schema}.records r
            SET value = vals[i], version = nextval('${schema}.versions'), expires_at = ends[i]
            WHERE r.space = spaces[i] AND r.key = keys[i];
        END IF;
      END LOOP;
      RETURN true;
    END $body$;`;
}
