import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { GbaError, systemClock } from '../../base/index.ts';
import { loadTls, readTextFile } from '../../http/index.ts';
import { createMachineClient, createOperatorClient, signInstruction, tokenOfText } from '../../owner/index.ts';
import { loadSigner } from '../../x509/index.ts';
import { parseWholeNumber } from '../options.ts';

interface Output {
  json?: true;
}

interface Identity extends Output {
  cert: string;
  key: string;
  ca: string;
}

const print = (value: object, { json }: { json?: true }): void =>
  void process.stdout.write(`${JSON.stringify(value, null, json ? 0 : 2)}\n`);

/** What the M2ME subscriber does, with the owner's certificate and key. */
export function registerOwner(program: Command): void {
  const owner = program.command('owner').description("act as a machine's owner: release, order, instruct, status");
  const asOwner = (command: Command): Command =>
    command
      .requiredOption('--cert <pem>', "the owner's certificate")
      .requiredOption('--key <pem>', "the owner's key")
      .requiredOption('--ca <pem>', 'the authority that verifies the operators')
      .option('--json', 'on one line');
  const operatorOf = (options: Identity & { url: string; operator: string }) =>
    createOperatorClient({ url: options.url, serverName: options.operator, tls: loadTls(options) });

  asOwner(owner.command('keys').description('ask an operator for the keys it signs packages with'))
    .requiredOption('--url <url>', "the new operator's SBI address")
    .requiredOption('--operator <id>', 'its id')
    .action(async (options: Identity & { url: string; operator: string }) => {
      const client = operatorOf(options);
      print(await client.signingKeys().finally(client.close), options);
    });

  asOwner(owner.command('release').description('order the release of a machine at the old operator; writes the token'))
    .requiredOption('--url <url>', "the old operator's SBI address")
    .requiredOption('--operator <id>', 'its id')
    .requiredOption('--machine <id>', 'M2ME id')
    .requiredOption('--new-operator <id>', 'to whom')
    .requiredOption('--new-keys <hex...>', 'SHA-256 of its signing keys (`gba owner keys`)')
    .requiredOption('--ro <id>', 'registration operator')
    .requiredOption('--out <file>', 'where the token goes: it is a secret')
    .action(
      async (
        o: Identity &
          Record<'url' | 'operator' | 'machine' | 'newOperator' | 'ro' | 'out', string> & { newKeys: string[] },
      ) => {
        const client = operatorOf(o);
        const newSho = { id: o.newOperator, keyHashes: o.newKeys };
        const release = await client.release({ m2meId: o.machine, newSho, roId: o.ro }).finally(client.close);
        if (release.token === undefined) throw new GbaError('token-missing', 'the operator gave no token');
        writeFileSync(o.out, `${release.token.toString('base64')}\n`, { mode: 0o600 });
        print({ serial: release.serial, token: o.out }, o);
      },
    );

  asOwner(owner.command('order').description('order the subscription at the new operator'))
    .requiredOption('--url <url>', "the new operator's SBI address")
    .requiredOption('--operator <id>', 'its id')
    .requiredOption('--machine <id>', 'M2ME id')
    .requiredOption('--ro <id>', 'registration operator')
    .requiredOption('--pva <id>', 'platform validation authority')
    .requiredOption('--token <file>', 'the token')
    .action(async (o: Identity & Record<'url' | 'operator' | 'machine' | 'ro' | 'pva' | 'token', string>) => {
      const client = operatorOf(o);
      const token = tokenOfText(readTextFile(o.token));
      const order = { m2meId: o.machine, roId: o.ro, pvaId: o.pva, token };
      print({ orderId: await client.order(order).finally(client.close) }, o);
    });

  asOwner(owner.command('instruct').description("announce the token's claims to the machine, signed"))
    .requiredOption('--machine-url <url>', "the machine's local interface")
    .requiredOption('--token <file>', 'the token')
    .option('--cancel', 'take the change back instead')
    .option('--number <n>', 'strictly increasing; default: the time in milliseconds', parseWholeNumber)
    .action(async (o: Identity & Record<'machineUrl' | 'token', string> & { cancel?: boolean; number?: number }) => {
      const signer = loadSigner({ cert: readTextFile(o.cert), key: readTextFile(o.key) });
      const number = o.number ?? systemClock.now();
      const kind = o.cancel === true ? 'cancel' : 'change';
      const instruction = await signInstruction(signer, tokenOfText(readTextFile(o.token)), number, kind);
      const machine = createMachineClient(o.machineUrl);
      print(await machine.instruct(instruction).finally(machine.close), o);
    });

  owner
    .command('status')
    .description('how far the machine is')
    .requiredOption('--machine-url <url>', "the machine's local interface")
    .option('--json', 'on one line')
    .action(async (o: Output & { machineUrl: string }) => {
      const machine = createMachineClient(o.machineUrl);
      print(await machine.status().finally(machine.close), o);
    });
}
