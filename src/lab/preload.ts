import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { fromBase64 } from '../base/index.ts';
import { createClient, loadTls, readTextFile } from '../http/index.ts';
import type { M2meConfig } from '../m2me/index.ts';
import { readCertificate } from '../x509/index.ts';
import { NAMES } from './names.ts';
import type { LabPki } from './pki.ts';
import type { LabPlan } from './plan.ts';

const preloadSchema = z.looseObject({ digest: z.string(), package: z.string() });

/** Variant "both present": the new operator packs a subscription for every machine, and the factory puts it in. */
export async function preloadMachines(plan: LabPlan, pki: LabPki, dir: string): Promise<M2meConfig[]> {
  const sho = plan.sho.find(({ id }) => id === NAMES.newSho);
  const client = createClient({
    url: `https://127.0.0.1:${sho?.sbi.port ?? 0}`,
    serverName: NAMES.newSho,
    tls: loadTls(await pki.tls(NAMES.newSho)),
  });
  const { cert } = await pki.signing(NAMES.newSho);
  const keySha256 = readCertificate(readTextFile(cert)).spkiSha256;
  try {
    const machines: M2meConfig[] = [];
    for (const config of plan.m2me) {
      const treCertificate = readCertificate(readTextFile(config.tre.cert)).der.toString('base64');
      const json = { m2meId: config.id, treCertificate };
      const made = (await client.call('POST', '/operator/v1/preloads', { json })).json(preloadSchema);
      const path = join(dir, 'data', `${config.id}-preload.der`);
      writeFileSync(path, fromBase64(made.package), { mode: 0o600 });
      machines.push({ ...config, preloaded: [{ sho: NAMES.newSho, package: path, keySha256 }] });
    }
    return machines;
  } finally {
    client.close();
  }
}
