// Fails when a page has grown beyond its budget. Sizes are gzip -9, in bytes;
// fonts are compressed already.
import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

const KB = 1000;
const BUDGETS = [
  { page: 'challenge', js: 240 * KB, css: 10 * KB, all: 310 * KB },
  { page: 'catalogue', js: 20 * KB, css: 10 * KB, all: 90 * KB },
];

const manifest = JSON.parse(await readFile('dist/manifest.json', 'utf8'));

/** The files that a page may load: what it starts with, and whatever those import or name. */
async function reachable(names) {
  const seen = new Map();
  const queue = [...names];
  while (queue.length) {
    const name = queue.pop();
    if (seen.has(name)) continue;
    const content = await readFile(join('dist', name));
    seen.set(name, ['.js', '.css'].includes(extname(name)) ? gzipSync(content, { level: 9 }).length : content.length);
    if (extname(name) === '.js') for (const m of content.toString().matchAll(/["'`](?:\.|\/static)\/([\w-]+\.js)["'`]/g)) queue.push(m[1]);
    if (extname(name) === '.css') for (const m of content.toString().matchAll(/\/static\/([\w-]+\.woff2)/g)) queue.push(m[1]);
  }
  return seen;
}

let failed = false;
for (const { page, ...budget } of BUDGETS) {
  const files = await reachable([manifest['theme.js'], manifest[`${page}.js`], manifest[`${page}.css`], 'icons.svg']);
  const sum = (ext) => [...files].filter(([name]) => !ext || extname(name) === ext).reduce((n, [, size]) => n + size, 0);
  const sizes = { js: sum('.js'), css: sum('.css'), all: sum() };
  for (const [kind, size] of Object.entries(sizes)) {
    const over = size > budget[kind];
    failed ||= over;
    console.log(`${page.padEnd(10)} ${kind.padEnd(4)} ${(size / KB).toFixed(1).padStart(6)} of ${budget[kind] / KB} kB${over ? '  TOO LARGE' : ''}`);
  }
}
process.exitCode = failed ? 1 : 0;
