import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A throw-away authority and one P-256 certificate per name (SAN dNSName and CN), made by the openssl command. */
export interface TestPki {
  dir: string;
  /** Path of the authority's certificate. */
  ca: string;
  files(name: string): { cert: string; key: string; ca: string };
  pem(name: string): { cert: string; key: string; ca: string };
}

export function makeTestPki(names: readonly string[]): TestPki {
  const dir = mkdtempSync(join(tmpdir(), 'gba-pki-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'pipe' });
  const ca = join(dir, 'ca.pem');
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...ec, '-keyout', 'ca-key.pem', '-out', 'ca.pem', '-days', '3650', '-subj', '/CN=Test CA');
  for (const name of names) {
    openssl('req', ...ec, '-keyout', `${name}-key.pem`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(join(dir, `${name}.ext`), `subjectAltName=DNS:${name}\n`);
    const issue = ['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.pem', '-CAkey', 'ca-key.pem', '-CAcreateserial'];
    openssl(...issue, '-out', `${name}.pem`, '-days', '3650', '-extfile', `${name}.ext`);
  }
  const files = (name: string) => ({ cert: join(dir, `${name}.pem`), key: join(dir, `${name}-key.pem`), ca });
  return {
    dir,
    ca,
    files,
    pem(name) {
      const paths = files(name);
      return {
        cert: readFileSync(paths.cert, 'utf8'),
        key: readFileSync(paths.key, 'utf8'),
        ca: readFileSync(ca, 'utf8'),
      };
    },
  };
}
