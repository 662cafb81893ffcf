import { execFileSync } from 'node:child_process';

/** A process with one bare server that answers a thousand requests, and says its peak at the end, in MiB. */
const BARE = `
import { createServer, get } from 'node:http';
const server = createServer((req, res) => res.end('ok')).listen(0, '127.0.0.1', async () => {
  for (let i = 0; i < 1000; i++) {
    await new Promise((done) => get({ port: server.address().port }, (res) => res.resume().on('end', done)));
  }
  console.log(process.resourceUsage().maxRSS / 1024);
  process.exit();
});`;

/**
 * The reference, in MiB. To be measured first: some systems count what the parent holds at the fork towards a child's peak.
 */
export const barePeak = (): number =>
  Number(execFileSync(process.execPath, ['--input-type=module', '-e', BARE], { encoding: 'utf8' }));

/** Peak of this process, which has run every party and all loads so far, against a process that does next to nothing. */
export function benchMemory(bare: number): { name: string; mebibytes: number; ratio: number; reference: string } {
  const mebibytes = process.resourceUsage().maxRSS / 1024;
  const reference = `a process with one bare node:http server (${bare.toFixed(0)} MiB); less is better`;
  return { name: 'peak memory', mebibytes, ratio: mebibytes / bare, reference };
}
