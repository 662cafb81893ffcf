// Builds the simulator, with the product in it, into one program and runs that: a tenth faster than from source.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
// Inside the package, so that it finds what the package depends on; of this process, because several may run at once.
const outfile = join(root, 'node_modules', '.cache', `gba-sim-${process.pid}`, 'sim.mjs');
mkdirSync(join(outfile, '..'), { recursive: true });
const options = { bundle: true, platform: 'node', format: 'esm', packages: 'external' };
await build({ entryPoints: [join(root, 'sim', 'main.ts')], outfile, ...options });
const stop = () => undefined;
// The simulator is told of Ctrl-C too, and ends by itself.
process.on('SIGINT', stop);
const { status } = spawnSync(process.execPath, [outfile, ...process.argv.slice(2)], { stdio: 'inherit' });
rmSync(join(outfile, '..'), { recursive: true, force: true });
process.exit(status ?? 1);
