import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Problem } from '../src/api';
import { Files, type Choice } from '../src/code/files';

function setUp(choice: Choice = 'mine') {
  const t = {
    saves: [] as [string, string][],
    shown: [] as [string, string][],
    asked: [] as string[],
    offline: false,
    refuse: 0,
    pending: false,
    due: () => {},
    kept: new Map<string, string>(),
  };
  const files = new Files({
    slug: 's',
    api: {
      save: async (path, text) => {
        if (t.offline) throw new Problem('away', true);
        if (t.refuse) throw new Problem('no', false, t.refuse);
        t.saves.push([path, text]);
        return { path, saved_at: '' };
      },
      remove: async () => undefined,
    },
    drafts: { getItem: (k) => t.kept.get(k) ?? null, setItem: (k, v) => void t.kept.set(k, v), removeItem: (k) => void t.kept.delete(k) },
    show: (path, text) => void t.shown.push([path, text]),
    choose: async (path) => {
      t.asked.push(path);
      return choice;
    },
    after: (_ms, f) => {
      t.due = f;
      t.pending = true;
      return () => {
        t.due = () => {};
        t.pending = false;
      };
    },
  });
  const workspace = { folder: '/w', files: [{ path: 'a.go', text: 'one', starter: 'one', read_only: false, added: false }] };
  return { t, files, workspace };
}

test('many edits are one save, of the last text', async () => {
  const { t, files, workspace } = setUp();
  await files.load(workspace);
  files.edit('a.go', () => 'tw');
  files.edit('a.go', () => 'two');
  assert.equal(files.saving.value.state, 'unsaved');
  assert.equal(await files.flush(), true);
  assert.deepEqual(t.saves, [['a.go', 'two']]);
  assert.equal(files.saving.value.state, 'saved');
  assert.equal(files.changed.value, 1);
});

test('offline, the text is kept on the device and saved on return', async () => {
  const { t, files, workspace } = setUp();
  await files.load(workspace);
  t.offline = true;
  files.edit('a.go', () => 'two');
  assert.equal(await files.flush(), false);
  assert.equal(files.saving.value.state, 'device');
  assert.deepEqual(JSON.parse(t.kept.get('draft:s:a.go')!), { text: 'two', base: 'one' });
  t.offline = false;
  t.due();
  assert.equal(await files.flush(), true);
  assert.equal(t.kept.size, 0);
  assert.deepEqual(t.saves, [['a.go', 'two']]);
});

test('a draft whose base is the server’s text comes back without a question', async () => {
  const { t, files, workspace } = setUp();
  t.kept.set('draft:s:a.go', JSON.stringify({ text: 'two', base: 'one' }));
  await files.load(workspace);
  assert.deepEqual(t.asked, []);
  assert.equal(files.get('a.go')?.text, 'two');
  assert.equal(await files.flush(), true);
  assert.deepEqual(t.saves, [['a.go', 'two']]);
});

test('a draft that the server has overtaken is asked about', async () => {
  const { t, files, workspace } = setUp('theirs');
  t.kept.set('draft:s:a.go', JSON.stringify({ text: 'two', base: 'zero' }));
  await files.load(workspace);
  assert.deepEqual(t.asked, ['a.go']);
  assert.equal(files.get('a.go')?.text, 'one');
  assert.equal(t.kept.size, 0);
});

test('a change on disk is shown when nothing is unsaved', async () => {
  const { t, files, workspace } = setUp();
  await files.load(workspace);
  await files.onDisk('a.go', 'three');
  assert.deepEqual(t.asked, []);
  assert.deepEqual(t.shown, [['a.go', 'three']]);
  assert.equal(await files.flush(), true);
  assert.deepEqual(t.saves, []);
});

for (const choice of ['mine', 'theirs'] as const) {
  test(`a change on disk under unsaved edits is asked about: ${choice}`, async () => {
    const { t, files, workspace } = setUp(choice);
    await files.load(workspace);
    files.edit('a.go', () => 'two');
    await files.onDisk('a.go', 'three');
    assert.deepEqual(t.asked, ['a.go']);
    await files.flush();
    assert.equal(files.get('a.go')?.text, choice === 'mine' ? 'two' : 'three');
    assert.deepEqual(t.saves, choice === 'mine' ? [['a.go', 'two']] : []);
  });
}

test('our own writes coming back are no conflict', async () => {
  const { t, files, workspace } = setUp();
  await files.load(workspace);
  files.edit('a.go', () => 'two');
  await files.flush();
  files.edit('a.go', () => 'two and more');
  await files.onDisk('a.go', 'two');
  assert.deepEqual(t.asked, []);
  assert.deepEqual(t.shown, []);
  assert.equal(files.get('a.go')?.text, 'two and more');
});

test('a new file on disk gets its tab, and loses it again', async () => {
  const { t, files, workspace } = setUp();
  await files.load(workspace);
  await files.onDisk('b.go', 'package main');
  assert.deepEqual(files.list.value.map((f) => f.path), ['a.go', 'b.go']);
  await files.onDisk('b.go', null);
  await files.onDisk('b.go', 'package other');
  assert.deepEqual(t.shown.at(-1), ['b.go', 'package other'], 'an editor that remembers the old text is told');
  await files.onDisk('b.go', null);
  assert.deepEqual(files.list.value.map((f) => f.path), ['a.go']);
});

test('a server that is busy is asked again, one that says no is not', async () => {
  for (const [status, again] of [
    [429, true],
    [503, true],
    [507, true],
    [400, false],
    [413, false],
  ] as const) {
    const { t, files, workspace } = setUp();
    await files.load(workspace);
    t.refuse = status;
    files.edit('a.go', () => 'two');
    await files.flush();
    assert.equal(files.saving.value.state, again ? 'device' : 'refused', `${status}`);
    assert.equal(t.pending, again, `${status}`);
    t.refuse = 0;
    await files.flush();
    assert.deepEqual(t.saves, [['a.go', 'two']], `${status}`);
    assert.equal(files.saving.value.state, 'saved', `${status}`);
  }
});
