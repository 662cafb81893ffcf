import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64 } from '../src/base/index.ts';
import { readTextFile } from '../src/http/index.ts';
import type { M2meConfig } from '../src/m2me/index.ts';
import { readCertificate } from '../src/x509/index.ts';
import type { Setting } from './setting.ts';
import type { World } from './world.ts';

/** Both present: the new operator packs a subscription for the machine, and the factory puts it in. */
export async function preload(setting: Setting, world: World, config: M2meConfig): Promise<M2meConfig> {
  const { to } = setting.way(config.id);
  const sho = setting.plan.sho.find(({ id }) => id === to);
  if (sho === undefined) throw new Error(`no operator ${to}`);
  const treCertificate = readCertificate(readTextFile(config.tre.cert)).der.toString('base64');
  const body = Buffer.from(JSON.stringify({ m2meId: config.id, treCertificate }));
  let made: Buffer | undefined;
  world.kernel.after(1_000, () =>
    world.net.inject(
      {
        from: to,
        to,
        port: sho.sbi.port,
        certificate: readTextFile(sho.tls.cert),
        secure: true,
        method: 'POST',
        path: '/operator/v1/preloads',
        headers: { 'content-type': 'application/json', 'content-length': String(body.length) },
        body,
      },
      (answer) => {
        if (answer?.status !== 200 && answer?.status !== 201) throw new Error(`preload: ${answer?.body.toString()}`);
        made = fromBase64((JSON.parse(answer.body.toString('utf8')) as { package: string }).package);
      },
    ),
  );
  await world.kernel.run(
    world.kernel.now + 60_000,
    () => made !== undefined,
    () => undefined,
  );
  const path = join(setting.dir, `${config.id}-preload.der`);
  writeFileSync(path, made ?? '');
  const { cert } = await setting.pki.signing(to);
  const keySha256 = readCertificate(readTextFile(cert)).spkiSha256;
  return { ...config, preloaded: [{ sho: to, package: path, keySha256 }] };
}
