// Runs test/*.test.ts with Node's own runner; esbuild takes the types off.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const tests = readdirSync('test').filter((f) => f.endsWith('.test.ts'));
// Inside node_modules, so that packages left external are found from there.
const out = mkdtempSync(join('node_modules', '.test-'));
try {
  await build({ entryPoints: tests.map((t) => join('test', t)), bundle: true, platform: 'node', format: 'esm', packages: 'external', outdir: out, outExtension: { '.js': '.mjs' }, sourcemap: 'inline', jsx: 'automatic', jsxImportSource: 'preact', logLevel: 'warning' });
  const { status } = spawnSync(process.execPath, ['--enable-source-maps', '--test', ...tests.map((t) => join(out, t.replace(/\.ts$/, '.mjs')))], { stdio: 'inherit' });
  process.exitCode = status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
