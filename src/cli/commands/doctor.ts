import { connect } from 'node:net';
import type { Command } from 'commander';
import pc from 'picocolors';
import { z } from 'zod';
import { codeOf, GbaError, messageOf, systemClock } from '../../base/index.ts';
import {
  listenSchema,
  loadSealingKey,
  loadTls,
  readTextFile,
  signingFilesSchema,
  tlsFilesSchema,
} from '../../http/index.ts';
import { openStore, storeConfigSchema } from '../../store/index.ts';
import { loadSigner, readCertificate, verifyChain } from '../../x509/index.ts';
import { FUNCTIONS } from '../functions.ts';

interface Finding {
  what: string;
  ok: boolean;
  detail: string;
}

const MONTH_MS = 30 * 86_400_000;
/** Nothing here was made before this; a clock that says so is wrong. */
const NOT_BEFORE = Date.parse('2026-01-01T00:00:00Z');

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check a configuration, its certificates, ports, clock and store, and say what to do')
    .argument('<function>', FUNCTIONS.map((fn) => fn.name).join(', '))
    .requiredOption('--config <file>', 'its configuration')
    .option('--json', 'JSON instead of text')
    .action(async (name: string, options: { config: string; json?: boolean }) => {
      const findings = await examine(name, options.config);
      for (const { what, ok, detail } of findings) {
        const line = `${ok ? pc.green('ok  ') : pc.red('FAIL')} ${what}: ${detail}`;
        process.stdout.write(`${options.json === true ? JSON.stringify({ what, ok, detail }) : line}\n`);
      }
      if (findings.some((finding) => !finding.ok)) process.exitCode = 1;
    });
}

async function examine(name: string, path: string): Promise<Finding[]> {
  const fn = FUNCTIONS.find((one) => one.name === name);
  if (fn === undefined) throw new GbaError('function-unknown', `no function '${name}'`);
  const findings: Finding[] = [];
  const probe = async (what: string, work: () => string | Promise<string>, advice: string): Promise<void> => {
    try {
      findings.push({ what, ok: true, detail: await work() });
    } catch (error) {
      findings.push({ what, ok: false, detail: `${codeOf(error)}: ${messageOf(error)}. ${advice}` });
    }
  };

  let config: object | undefined;
  await probe(
    'configuration',
    () => {
      config = fn.check(path);
      return 'valid';
    },
    'Correct the members named; docs/operations.md lists them',
  );
  if (config === undefined) return findings;

  const now = systemClock.now();
  await probe(
    'clock',
    () => {
      if (now < NOT_BEFORE) throw new GbaError('clock-wrong', `the clock says ${new Date(now).toISOString()}`);
      return new Date(now).toISOString();
    },
    'Set the clock: tokens and keys have validity times',
  );
  for (const [member, value] of Object.entries(config)) {
    const tls = tlsFilesSchema.safeParse(value);
    const signing = signingFilesSchema.safeParse(value);
    const store = storeConfigSchema.safeParse(value);
    const listens = listenSchema.safeParse(value);
    if (tls.success)
      await probe(`${member} certificate`, () => tlsFinding(tls.data, now), 'Renew it, or point to the right files');
    else if (signing.success)
      await probe(
        `${member} certificate`,
        () => pairFinding(signing.data, now),
        'Renew it, or point to the right files',
      );
    else if (store.success) {
      const advice = 'Check the folder and its rights';
      await probe(member, async () => (await openStore(store.data, systemClock)).close().then(() => 'opens'), advice);
    } else if (listens.success && typeof value === 'object') {
      await probe(`${member} port`, () => portFinding(listens.data), 'Stop what uses it, or choose another');
    } else if (member === 'keyFile') {
      const advice = '64 hexadecimal digits in a file, or env:NAME';
      await probe('sealing key', () => `${loadSealingKey(z.string().parse(value)).length} octets`, advice);
    }
  }
  return findings;
}

function pairFinding(files: { cert: string; key: string }, now: number): string {
  loadSigner({ cert: readTextFile(files.cert), key: readTextFile(files.key) });
  const certificate = readCertificate(readTextFile(files.cert));
  const until = new Date(certificate.notAfter).toISOString();
  if (now > certificate.notAfter)
    throw new GbaError('certificate-expired', `'${certificate.subject}' expired ${until}`);
  const soon = certificate.notAfter - now < MONTH_MS ? ' (SOON)' : '';
  return `'${certificate.subject}' fits its key, valid until ${until}${soon}`;
}

function tlsFinding(files: { cert: string; key: string; ca: string }, now: number): string {
  const pem = loadTls(files);
  verifyChain(readCertificate(pem.cert), readCertificate(pem.ca), now);
  return pairFinding(files, now);
}

function portFinding({ address, port }: { address: string; port: number }): Promise<string> {
  if (port === 0) return Promise.resolve('any free one');
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address, port });
    socket.once('connect', () => {
      socket.destroy();
      reject(new GbaError('port-in-use', `${address}:${port} is in use`));
    });
    socket.once('error', () => resolve(`${address}:${port} is free`));
  });
}
