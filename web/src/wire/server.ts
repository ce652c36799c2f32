// The server's own messages, as docs/wire.md describes them.
import { boolean, list, nullable, number, object, oneOf, optional, record, string, type Of } from './decode';
import { diagnostic, event, verdict } from './verdict';

const file = object({ path: string, text: string, starter: string, read_only: boolean, added: boolean });
export type File = Of<typeof file>;

export const workspace = object({ folder: string, files: list(file), undo: optional(string) });
export type Workspace = Of<typeof workspace>;

const runFields = {
  id: string,
  challenge: string,
  number,
  state: oneOf('queued', 'running', 'done', 'stopped', 'failed'),
  created_at: string,
  hypothesis: string,
  outcome: string,
  gate: string,
  score: number,
  seconds: number,
  p95_before_ms: number,
  p95_after_ms: number,
  ratio: number,
  low: number,
  high: number,
  changed: number,
};
export const runInfo = object(runFields);
export type RunInfo = Of<typeof runInfo>;

export const runDetail = object({ ...runFields, files: record(string), verdict: nullable(verdict) });
export type RunDetail = Of<typeof runDetail>;

const hint = object({ title: string, html: string });
export type Hint = Of<typeof hint>;

const target = object({ metric: string, of: string, label: string, text: string, improve: number, worsen: number });
export type Target = Of<typeof target>;

const diagnosis = object({
  question: string,
  options: list(string),
  answered: nullable(number),
  correct: nullable(boolean),
  why: string,
  answer: nullable(number),
});
export type Diagnosis = Of<typeof diagnosis>;

export const boot = object({
  slug: string,
  title: string,
  track: string,
  level: number,
  minutes: number,
  lab: string,
  open: string,
  go: string,
  isolated: boolean,
  workspace,
  runs: list(runInfo),
  diagnosis,
  hints: object({ count: number, opened: list(hint) }),
  targets: list(target),
  solved: boolean,
  ran: boolean,
  challenges: list(object({ slug: string, title: string, track: string })),
});
export type Boot = Of<typeof boot>;

export const answers = {
  saved: object({ path: string, saved_at: string }),
  formatted: object({ text: string }),
  diagnosis: object({ correct: boolean, answer: number, why: string }),
  hint,
  solution: object({
    html: string,
    files: list(object({ path: string, starter: string, text: string })),
    also: list(object({ path: string, starter: string, text: string })),
  }),
  events: list(event),
  runs: list(runInfo),
};
export type Solution = Of<typeof answers.solution>;

/** RFC 9457, with what our server adds. */
export const problem = object({
  title: optional(string),
  detail: optional(string),
  code: optional(string),
  diagnostics: optional(list(diagnostic)),
});

const messages = {
  hello: object({ type: oneOf('hello'), active: string, version: string }),
  snapshot: object({ type: oneOf('snapshot'), run: runInfo, events: list(event) }),
  event: object({ type: oneOf('event'), run: string, event }),
  run: object({ type: oneOf('run'), run: runInfo }),
  file: object({ type: oneOf('file'), path: string, text: nullable(string) }),
};
export type Message = Of<(typeof messages)[keyof typeof messages]>;

/** Reads one frame of the websocket; null for a type that this page does not know. */
export function message(text: string): Message | null {
  const value: unknown = JSON.parse(text);
  const { type } = object({ type: string })(value, 'message');
  return Object.hasOwn(messages, type) ? messages[type as keyof typeof messages](value, type) : null;
}
