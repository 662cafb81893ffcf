import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { BSF, NAF, startTestBsf } from '../bsf/support.ts';
import { closeNafs, type Lab, PAGE, startNaf } from '../naf/support.ts';
import { bootstrap, uaPassword } from '../support/ue.ts';

/** OpenSSL's and GnuTLS's own clients, as UEs on Ua (TS 33.222 5.4). */

const TLS13 = '0100000007';
let lab: Lab;
let naf: Awaited<ReturnType<typeof startNaf>>;
before(async () => {
  lab = await startTestBsf();
  naf = await startNaf(lab, { tls: true, psk: true });
});
after(async () => {
  await closeNafs();
  await lab.bsf.close();
});

const REQUEST = `GET / HTTP/1.1\r\nHost: ${NAF}\r\nUser-Agent: peer 3gpp-gba\r\nConnection: close\r\n\r\n`;

/** Sends the request once the client is through; gives all that it says. */
function run(command: string, args: readonly string[]): Promise<{ text: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args);
    let text = '';
    const read = (chunk: Buffer) => {
      text += chunk.toString('latin1');
    };
    const deadline = setTimeout(() => child.kill(), 20_000);
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.stdin.on('error', () => undefined);
    child.stdin.write(REQUEST);
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(deadline);
      resolve({ text, code });
    });
  });
}

interface Ue {
  identity: string;
  key: string;
}

async function ue(uaId: string): Promise<Ue> {
  const bootstrapped = await bootstrap(lab.ub, lab.subscriber, BSF);
  const key = Buffer.from(uaPassword(bootstrapped, NAF, Buffer.from(uaId, 'hex')), 'base64').toString('hex');
  return { identity: `3GPP-bootstrapping;${bootstrapped.btid}`, key };
}

const wrong = (one: Ue): Ue => ({ ...one, key: `${one.key.startsWith('0') ? '1' : '0'}${one.key.slice(1)}` });
const stranger = (one: Ue): Ue => ({ ...one, identity: one.identity.replace(/;.{4}/, ';AAAA') });

interface Peer {
  name: string;
  command: string;
  /** Arguments for TLS 1.3, or one suite of TLS 1.2. */
  args(who: Ue, suite: string | undefined): string[];
  suites: readonly (readonly [suite: string, uaId: string])[];
  /** What it says in TLS 1.2 after a handshake, and of an unknown identity and a wrong key. */
  done: RegExp;
  unknown: RegExp;
  refused: RegExp;
  nullSuite: string;
}

const openssl: Peer = {
  name: 'openssl s_client',
  command: 'openssl',
  args: ({ identity, key }, suite) => [
    ...['s_client', '-connect', `127.0.0.1:${naf.port}`, '-servername', NAF, '-ign_eof'],
    ...['-psk', key, '-psk_identity', identity],
    ...(suite === undefined ? ['-tls1_3'] : ['-tls1_2', '-cipher', suite]),
  ],
  suites: [
    ['DHE-PSK-AES128-GCM-SHA256', '01000100aa'],
    ['DHE-PSK-AES256-GCM-SHA384', '01000100ab'],
    ['ECDHE-PSK-CHACHA20-POLY1305', '010001ccac'],
  ],
  done: /the protected page/,
  unknown: /alert number 115/,
  refused: /alert number 20/,
  nullSuite: 'DHE-PSK-NULL-SHA256:@SECLEVEL=0',
};

const priority = (version: string, rest: string) =>
  `NONE:+VERS-TLS1.${version}:${rest}:+COMP-NULL:+SIGN-ALL:+GROUP-ALL`;
/** Version 3.7.9 crashes after a PSK handshake of TLS 1.2 has come to its end, as it describes it: so its description has to do. */
const gnutls: Peer = {
  name: 'gnutls-cli',
  command: 'stdbuf',
  args: ({ identity, key }, suite) => [
    ...['-o0', 'gnutls-cli'],
    ...['-p', String(naf.port), '--sni-hostname', NAF, '--no-ca-verification'],
    ...['--pskusername', identity, '--pskkey', key, '--priority'],
    suite === undefined
      ? priority('3', '+ECDHE-PSK:+DHE-PSK:+AES-128-GCM:+AES-256-GCM:+AEAD:+ECDHE-ECDSA:+DHE-RSA')
      : priority('2', suite),
    '127.0.0.1',
  ],
  suites: [
    ['+DHE-PSK:+AES-128-GCM:+AEAD', '01000100aa'],
    ['+DHE-PSK:+AES-256-GCM:+AEAD', '01000100ab'],
    ['+ECDHE-PSK:+CHACHA20-POLY1305:+AEAD', '010001ccac'],
  ],
  done: /PSK authentication\. PSK hint '3GPP-bootstrapping'/,
  unknown: /alert \[115\]/,
  refused: /alert|fatal/i,
  nullSuite: '+DHE-PSK:+NULL:+SHA256',
};

for (const peer of [openssl, gnutls]) {
  const [command = ''] = peer.name.split(' ');
  const options = {
    skip: spawnSync(command, ['--help']).error !== undefined && `skipped: ${command} is not installed`,
  };
  const ask = async (who: Ue, suite?: string) => await run(peer.command, peer.args(who, suite));
  const served = (text: string) => text.includes(PAGE);

  test(`${peer.name}: TLS 1.3 with the key of 01 00 00 00 07 reads the page`, options, async () => {
    const who = await ue(TLS13);
    const { text } = await ask(who);
    assert.ok(served(text), text);
    assert.ok(text.toLowerCase().includes(`x-btid: ${who.identity.slice(19).toLowerCase()}`));
  });

  for (const [suite, uaId] of peer.suites) {
    test(`${peer.name}: TLS 1.2 with ${suite} and the key of that suite`, options, async () => {
      const { text } = await ask(await ue(uaId), suite);
      assert.match(text, peer.done);
    });
  }

  test(`${peer.name}: a wrong key, and the key of another suite, are refused`, options, async () => {
    const [[suite, uaId] = ['', '']] = peer.suites;
    for (const { text } of [await ask(wrong(await ue(TLS13))), await ask(await ue(uaId))]) {
      assert.ok(!served(text), text);
      assert.equal(naf.lastCode(), 'tls-handshake-failed');
    }
    for (const { text } of [await ask(wrong(await ue(uaId)), suite), await ask(await ue(TLS13), suite)]) {
      assert.doesNotMatch(text, peer.done);
      assert.match(text, peer.refused);
      assert.equal(naf.lastCode(), 'tls-handshake-failed');
    }
  });

  test(`${peer.name}: an identity that no BSF knows, and one that has expired`, options, async () => {
    const [[suite, uaId] = ['', '']] = peer.suites;
    const unknown = await ask(stranger(await ue(uaId)), suite);
    assert.match(unknown.text, peer.unknown);
    // In TLS 1.3 the certificate takes the place of the key that is not known: then Digest is asked for (RFC 8446 4.2.11).
    const tls13 = await ask(stranger(await ue(TLS13)));
    assert.ok(!served(tls13.text), tls13.text);
    const [late, late13] = [await ue(uaId), await ue(TLS13)];
    lab.time.now += 3_600_000;
    assert.match((await ask(late, suite)).text, peer.unknown);
    const expired = await ask(late13);
    assert.ok(!served(expired.text), expired.text);
  });

  test(`${peer.name}: suites without encryption are refused`, options, async () => {
    const { text } = await ask(await ue('01000100b4'), peer.nullSuite);
    assert.doesNotMatch(text, peer.done);
    assert.match(text, /handshake|alert|fatal|no ciphers/i);
  });
}
