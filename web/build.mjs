// Builds dist/: scripts and styles with content-hashed names, fonts, the icon
// sprite, the licences of what is bundled, and manifest.json, which maps plain
// names to hashed ones. `node build.mjs --watch` builds again on each change.
import { build, context } from 'esbuild';
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const OUT = 'dist';

const ICONS = [
  'activity', 'arrow-left', 'arrow-right', 'book-open', 'check', 'chevron-right', 'circle', 'circle-dot', 'code', 'database', 'dot', 'download', 'equal', 'eye', 'file', 'flame',
  'folder', 'gauge', 'git-compare', 'hard-drive', 'history', 'lightbulb', 'list', 'lock', 'moon', 'play', 'plus', 'rotate-ccw', 'search', 'server', 'square',
  'sun', 'table', 'terminal', 'timer', 'trash-2', 'triangle-alert', 'wifi', 'wifi-off', 'x',
];

const MARK =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><rect x="1" y="1" width="18" height="18" rx="5" fill="#1f63d3"/><path d="M4 13.5h2.6l1.7-7 3 9 1.9-5h2.8" fill="none" stroke="#fff" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round"/></svg>\n';

const shared = {
  bundle: true,
  minify: true,
  target: 'es2022',
  outdir: OUT,
  write: false,
  metafile: true,
  entryNames: '[name]-[hash]',
  chunkNames: '[name]-[hash]',
  assetNames: '[name]-[hash]',
  loader: { '.woff2': 'file' },
  legalComments: 'none', // they are in LICENCES.txt
  logLevel: 'warning',
};

const pages = {
  ...shared,
  entryPoints: ['src/challenge.tsx', 'src/catalogue.ts'],
  format: 'esm',
  splitting: true,
  jsx: 'automatic',
  jsxImportSource: 'preact',
  publicPath: '/static',
};

// The theme runs before the first paint, so it is a classic script of its own.
const theme = { ...shared, entryPoints: ['src/theme.ts'], format: 'iife' };

const hash = (content) => createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();

async function sprite() {
  const symbols = await Promise.all(
    ICONS.map(async (name) => {
      const svg = await readFile(`node_modules/lucide-static/icons/${name}.svg`, 'utf8');
      const inner = svg.replace(/<!--.*?-->/gs, '').replace(/^[\s\S]*?<svg[\s\S]*?>/, '').replace('</svg>', '').replace(/\s+/g, ' ').trim();
      return `<symbol id="i-${name}" viewBox="0 0 24 24">${inner}</symbol>`;
    }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="0" height="0" aria-hidden="true" hidden>${symbols.join('')}</svg>\n`;
}

/** The licence text of every package that any output holds a part of. */
async function licences(inputs) {
  const names = new Set(['lucide-static']);
  for (const input of inputs) {
    const found = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input);
    if (found) names.add(found[1]);
  }
  const parts = ['The pages of P95 Lab contain the following packages.\n'];
  for (const name of [...names].sort()) {
    const folder = join('node_modules', name);
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const file = (await readdir(folder)).find((f) => /^(licen[cs]e|copying|ofl)/i.test(f));
    if (!file) throw new Error(`${name} has no licence file`);
    parts.push(`${'-'.repeat(72)}\n${name} ${version} (${license})\n\n${(await readFile(join(folder, file), 'utf8')).trim()}\n`);
  }
  return parts.join('\n');
}

async function emit(results) {
  const files = new Map();
  const manifest = {};
  for (const { outputFiles, metafile } of results) {
    for (const f of outputFiles) files.set(basename(f.path), Buffer.from(f.contents));
    for (const [path, out] of Object.entries(metafile.outputs)) {
      const name = basename(path);
      if (out.entryPoint) manifest[basename(out.entryPoint).replace(/\.tsx?$/, '.js')] = name;
      if (out.cssBundle) manifest[basename(out.entryPoint).replace(/\.tsx?$/, '.css')] = basename(out.cssBundle);
      if (name.startsWith('geist-latin')) manifest['geist.woff2'] = name;
    }
  }
  manifest['mark.svg'] = `mark-${hash(MARK)}.svg`;
  files.set(manifest['mark.svg'], Buffer.from(MARK));
  files.set('icons.svg', Buffer.from(await sprite()));
  files.set('LICENCES.txt', Buffer.from(await licences(results.flatMap((r) => Object.keys(r.metafile.inputs)))));
  files.set('manifest.json', Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  for (const [name, content] of [...files]) {
    if (['.js', '.css', '.txt'].includes(extname(name))) files.set(`${name}.gz`, gzipSync(content, { level: 9 }));
  }
  await rm(OUT, { recursive: true, force: true });
  for (const [name, content] of files) {
    const path = join(OUT, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

if (process.argv.includes('--watch')) {
  const latest = [];
  const each = (index) => ({
    name: 'emit',
    setup: (b) =>
      b.onEnd(async (result) => {
        latest[index] = result;
        if (!result.errors.length && latest.filter(Boolean).length === 2) await emit(latest);
      }),
  });
  for (const [i, options] of [pages, theme].entries()) {
    const c = await context({ ...options, minify: false, plugins: [each(i)] });
    await c.watch();
  }
} else {
  await emit(await Promise.all([build(pages), build(theme)]));
}
