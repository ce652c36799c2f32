// The Profile tab: where the processor, the memory and the waiting go, in the
// learner's version and in the starter, and what changed between them.
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { Problem } from '../api';
import { count, percent } from '../format';
import { Icon } from '../shell/icon';
import { run as watched, runs } from '../store';
import type { Graph } from '../wire/evidence';
import { mountFlame, name, pointed, zoom } from './flame';
import { search, treeOf } from './layout';
import { against, amount, asTable, byChange, each, filter, graphOf, OWNERS, part, view, VIEWS, which, type View } from './profiles';
import { Top } from './top';

export function Profile({ profiles }: { profiles: string[] }) {
  const run = watched.value!;
  const shown = useSignal<{ key: string; graph: Graph } | null>(null);
  const failed = useSignal('');
  const other = runs.value.some((r) => r.id === against.value && r.id !== run.id) ? against.value : '';
  const key = [run.id, view.value, other].join();
  useEffect(() => {
    let gone = false;
    failed.value = '';
    graphOf(run.id, view.value, other).then(
      (graph) => {
        if (!gone) shown.value = { key, graph };
      },
      (err: unknown) => {
        if (gone) return;
        if (!(err instanceof Problem)) throw err;
        failed.value = err.message;
      },
    );
    return () => (gone = true);
  }, [key]);
  const graph = shown.value?.key === key ? shown.value.graph : null;
  return (
    <div class="why">
      <Tools profiles={profiles} graph={graph} run={run.id} />
      {failed.value && <p class="empty-note">{failed.value}</p>}
      {!graph && !failed.value && <p class="empty-note">Reading the profile…</p>}
      {graph && <Shown key={key} graph={graph} />}
    </div>
  );
}

function Shown({ graph }: { graph: Graph }) {
  const side = graph[which.value];
  if (side.total === 0) return <p class="empty-note">{nothing(graph)}</p>;
  if (asTable.value) return <Top graph={graph} />;
  return (
    <>
      <Pointed graph={graph} />
      <Flame graph={graph} />
    </>
  );
}

function nothing(graph: Graph): string {
  if (graph[which.value].missing) return 'No such profile of this side is kept.';
  if (graph.view === 'mutex') return 'Nobody waited for a lock.';
  if (graph.view === 'block') return 'Nobody waited for another goroutine.';
  return 'The profile is empty.';
}

function Choice<T extends string | boolean>(props: { label: string; value: T; options: [T, string][]; onChoose: (v: T) => void }) {
  return (
    <span class="choice" role="group" aria-label={props.label}>
      {props.options.map(([value, label]) => (
        <button key={label} type="button" aria-pressed={props.value === value} onClick={() => props.onChoose(value)}>
          {label}
        </button>
      ))}
    </span>
  );
}

function Tools({ profiles, graph, run }: { profiles: string[]; graph: Graph | null; run: string }) {
  const views = VIEWS.filter((v) => profiles.includes(v.profile));
  const profile = VIEWS.find((v) => v.id === view.value)!.profile;
  const others = runs.value.filter((r) => r.state === 'done' && r.id !== run && r.ratio > 0);
  return (
    <div class="tools">
      <label>
        <span class="hidden">Profile</span>
        <select value={view.value} onChange={(e) => (view.value = e.currentTarget.value as View)}>
          {views.map((v) => (
            <option key={v.id} value={v.id}>
              {v.label}
            </option>
          ))}
        </select>
      </label>
      <Choice label="Version" value={which.value} options={[['after', 'Yours'], ['before', against.value ? 'Other run' : 'Starter']]} onChoose={(v) => (which.value = v)} />
      <Choice label="Colours" value={byChange.value} options={[[false, 'Whose code'], [true, 'Difference']]} onChoose={(v) => (byChange.value = v)} />
      <Choice label="Shape" value={asTable.value} options={[[false, 'Flame graph'], [true, 'Table']]} onChoose={(v) => (asTable.value = v)} />
      <label>
        <span class="hidden">Find functions</span>
        <input type="search" placeholder="Find functions" value={filter.value} onInput={(e) => (filter.value = e.currentTarget.value)} />
      </label>
      {graph && <Found graph={graph} />}
      <span class="grow" />
      {others.length > 0 && (
        <label>
          <span class="hidden">Compare with</span>
          <select value={against.value} onChange={(e) => (against.value = e.currentTarget.value)}>
            <option value="">against the starter</option>
            {others.map((r) => (
              <option key={r.id} value={r.id}>
                against run {r.number}
              </option>
            ))}
          </select>
        </label>
      )}
      {zoom.value !== 0 && !asTable.value && (
        <button type="button" class="button small" onClick={() => (zoom.value = 0)}>
          Reset zoom
        </button>
      )}
      <a class="button small" href={`/api/runs/${run}/profiles/${which.value}/${profile}`} download title="For go tool pprof">
        <Icon name="download" />
        pprof
      </a>
    </div>
  );
}

function Found({ graph }: { graph: Graph }) {
  if (!filter.value.trim()) return null;
  const { sum } = search(treeOf(graph), which.value, filter.value);
  return <span class="number">{sum ? `${part(sum, graph[which.value].total)} of all` : 'none found'}</span>;
}

/** What the frame under the pointer is, and the legend while there is none. */
function Pointed({ graph }: { graph: Graph }) {
  const node = pointed.value;
  const side = graph[which.value];
  if (node === null || node >= graph.nodes.parent.length) {
    return (
      <p class="pointed">
        <span>{summary(graph)}</span>
        {byChange.value ? <ChangeLegend /> : <OwnerLegend />}
        {graph.left_out > 0 && <span>frames below {percent(graph.left_out)} % are left out</span>}
      </p>
    );
  }
  const value = graph.nodes[which.value][node]!;
  const fn = node === 0 ? '' : graph.functions[graph.nodes.function[node]!]!;
  return (
    <p class="pointed number" role="status">
      <b title={fn}>{name(graph, node)}</b>
      {node > 0 && <span>{OWNERS[graph.owners[graph.nodes.function[node]!]!]}</span>}
      <span>{part(value, side.total)}</span>
      <Amounts graph={graph} before={graph.nodes.before[node]!} after={graph.nodes.after[node]!} />
    </p>
  );
}

export function Amounts({ graph, before, after }: { graph: Graph; before: number; after: number }) {
  const tell = (side: 'before' | 'after', v: number) => (graph[side].missing ? '–' : v === 0 ? 'nothing' : amount(graph.unit, each(graph, side, v)));
  return (
    <span>
      {tell('before', before)} → <b>{tell('after', after)}</b>
      {graph.per_request && graph.after.requests > 0 ? ' a request' : ''}
    </span>
  );
}

function summary(graph: Graph): string {
  const side = graph[which.value];
  const of = VIEWS.find((v) => v.id === graph.view)?.of ?? '';
  const total = amount(graph.unit, each(graph, which.value, side.total));
  const each_ = graph.per_request && side.requests > 0 ? ` a request, over ${count(side.requests)} requests` : '';
  return `${total} ${of}${each_}${graph.view === 'cpu' ? `, ${count(side.samples)} samples` : ''}`;
}

function OwnerLegend() {
  return (
    <>
      {['own', 'library', 'standard', 'runtime'].map((c, i) => (
        <span key={c} class="key">
          <i class={`frame ${c}`} />
          {OWNERS[i]}
        </span>
      ))}
    </>
  );
}

function ChangeLegend() {
  return (
    <>
      <span class="key">
        <i class="frame more" />
        More in yours
      </span>
      <span class="key">
        <i class="frame less" />
        Less in yours
      </span>
    </>
  );
}

function Flame({ graph }: { graph: Graph }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => mountFlame(box.current!, canvas.current!, graph), [graph]);
  return (
    <div
      class="flame"
      ref={box}
      tabIndex={0}
      role="application"
      aria-label="Flame graph, the callers above. Arrow keys move between frames, Enter zooms in, Escape zooms out. The table has the same figures."
    >
      <canvas ref={canvas} />
    </div>
  );
}
