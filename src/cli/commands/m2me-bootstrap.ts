import type { Command } from 'commander';
import { fromHex, toBase64 } from '../../base/index.ts';
import { UA_HTTP_DIGEST, uaIdOfCipherSuite } from '../../gba/index.ts';
import { createMachineClient } from '../../owner/index.ts';
import { parseHex } from '../options.ts';

interface BootstrapOptions {
  url: string;
  naf?: string;
  uaId?: string;
  suite?: string;
  page: string;
  json?: boolean;
}

export function registerM2meBootstrap(m2me: Command): void {
  m2me
    .command('bootstrap')
    .description('LAB ONLY: let a machine bootstrap now, and show B-TID and the Ks_NAF of one NAF (needs revealKeys)')
    .option('--url <url>', "the machine's local interface", 'http://127.0.0.1:18095')
    .option('--naf <fqdn>', 'the NAF whose key is shown')
    .option(
      '--ua-id <hex>',
      'Ua security protocol identifier, 5 octets (default: HTTP Digest, 0100000002)',
      parseHex(5),
    )
    .option('--suite <name>', 'instead of --ua-id: TLS cipher suite of the connection to the NAF')
    .option('--page <url>', 'the page that the printed curl command reads', 'http://127.0.0.1:18080/')
    .option('--json', 'JSON instead of text')
    .action(bootstrap);
}

async function bootstrap(options: BootstrapOptions): Promise<void> {
  const machine = createMachineClient(options.url);
  try {
    const uaId =
      options.suite !== undefined
        ? uaIdOfCipherSuite(options.suite).toString('hex')
        : (options.uaId ?? Buffer.from(UA_HTTP_DIGEST).toString('hex'));
    const report = await machine.bootstrap(options.naf === undefined ? undefined : { naf: options.naf, uaId });
    const { btid, bsf, ksNaf } = report;
    const expires = new Date(report.expiresAt).toISOString();
    const password = ksNaf === undefined ? undefined : toBase64(fromHex(ksNaf, 32, 'Ks_NAF'));
    const curl = `curl --digest -u '${btid}:${password}' ${options.page}`;
    const json = {
      btid,
      bsf,
      expires,
      ...(password === undefined ? {} : { naf: options.naf, uaId, ksNaf, password, curl }),
    };
    const text = [
      `B-TID     ${btid}`,
      `BSF       ${bsf}`,
      `expires   ${expires}`,
      ...(password === undefined ? [] : [`Ks_NAF    ${ksNaf}`, `password  ${password}`, '', curl]),
    ];
    process.stdout.write(options.json === true ? `${JSON.stringify(json)}\n` : `${text.join('\n')}\n`);
  } finally {
    machine.close();
  }
}
