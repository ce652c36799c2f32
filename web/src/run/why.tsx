// The tabs that say why: loaded when they are first opened.
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ComponentType } from 'preact';
import { compared, followRun, watchedInfo } from '../store';
import type { Evidence } from '../wire/verdict';

type Panels = typeof import('../why/panels');

function Loaded<P extends object>({ pick, props }: { pick: (m: Panels) => ComponentType<P>; props: P }) {
  const panels = useSignal<Panels | null>(null);
  const failed = useSignal(false);
  useEffect(() => {
    import('../why/panels').then(
      (m) => (panels.value = m),
      () => (failed.value = true),
    );
  }, []);
  if (failed.value) return <p class="empty-note">This part of the page could not be loaded. Check the connection, then reload the page.</p>;
  if (!panels.value) return null;
  const Panel = pick(panels.value);
  return <Panel {...props} />;
}

/** The watched run's evidence, or the words that stand in its place. */
function useEvidence(): Evidence | string {
  const run = followRun();
  const info = watchedInfo.value;
  if (!run) return 'Run it once: the profile shows where the time goes.';
  if (run.verdict?.evidence) return run.verdict.evidence;
  if (run.verdict) return 'This run ended before both sides were measured, so nothing was profiled.';
  if (info?.state === 'stopped' || info?.state === 'failed') return 'The run was stopped before anything was profiled.';
  return 'Profiles are taken at the end of a run, after all that is scored.';
}

/** Two runs side by side, over the page. */
export function ComparedRuns() {
  return compared.value && <Loaded pick={(m) => m.Compare} props={compared.value} />;
}

export function ProfileTab() {
  const e = useEvidence();
  if (typeof e === 'string') return <p class="empty-note">{e}</p>;
  const profiles = e.profiles.filter((p) => p.before.bytes > 0 || p.after.bytes > 0).map((p) => p.name);
  if (!profiles.length) return <p class="empty-note">{['This run kept no profiles.', ...(e.notes ?? [])].join(' ')}</p>;
  return <Loaded pick={(m) => m.Profile} props={{ profiles }} />;
}

export function QueriesTab() {
  const e = useEvidence();
  if (typeof e === 'string') return <p class="empty-note">{e}</p>;
  return <Loaded pick={(m) => m.Queries} props={{ evidence: e }} />;
}

export function CountersTab() {
  const e = useEvidence();
  if (typeof e === 'string') return <p class="empty-note">{e}</p>;
  return <Loaded pick={(m) => m.Counters} props={{ evidence: e }} />;
}
