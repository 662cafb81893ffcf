import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { identityOf } from '../../src/http/index.ts';

const dir = mkdtempSync(join(tmpdir(), 'gba-peer-'));

/** A certificate with these alternative names, `KIND = value` as openssl's configuration writes them. */
function certificate(cn: string, names: readonly string[]): X509Certificate {
  const config = [
    '[req]',
    'distinguished_name=d',
    'prompt=no',
    ...(names.length === 0 ? [] : ['x509_extensions=e']),
    '[d]',
    `CN=${cn}`,
    ...(names.length === 0 ? [] : ['[e]', 'subjectAltName=@alt', '[alt]', ...names]),
  ];
  writeFileSync(join(dir, 'c.cnf'), config.join('\n'));
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', 'c.key'];
  execFileSync('openssl', ['req', '-x509', ...key, '-out', 'c.pem', '-config', 'c.cnf'], { cwd: dir, stdio: 'pipe' });
  return new X509Certificate(readFileSync(join(dir, 'c.pem')));
}

test('the names are the dNSNames; the CN counts only when there are none', () => {
  const both = identityOf(certificate('victim.test', ['DNS.1 = a.test', 'DNS.2 = b.test']));
  assert.deepEqual(both.names, ['a.test', 'b.test']);
  assert.deepEqual(identityOf(certificate('only-cn.test', [])).names, ['only-cn.test']);
});

test('a value that looks like another entry is not one', () => {
  const forged = identityOf(certificate('x', ['DNS.1 = a.test', 'URI.1 = "http://x/, DNS:victim.test, x"']));
  assert.deepEqual(forged.names, ['a.test']);
});

test('an NF instance id is a urn:uuid', () => {
  const id = '4947A69A-F61B-4BC1-B9DA-47C9C5D14B64';
  const nf = identityOf(certificate('x', ['DNS.1 = a.test', `URI.1 = urn:uuid:${id}`, 'IP.1 = 127.0.0.1']));
  assert.deepEqual([nf.names, nf.instanceIds], [['a.test'], [id.toLowerCase()]]);
});
