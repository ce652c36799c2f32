// The HTTP side of docs/wire.md for one challenge. Every failure is a Problem
// that says what to do; `offline` tells a server that was not reached from one
// that said no.
import { list, type Decoder } from './wire/decode';
import { graph } from './wire/evidence';
import { answers, problem, runDetail, runInfo, workspace } from './wire/server';
import type { Diagnostic } from './wire/verdict';

export class Problem extends Error {
  constructor(
    detail: string,
    readonly offline = false,
    readonly status = 0,
    readonly diagnostics: Diagnostic[] = [],
  ) {
    super(detail);
  }
}

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

async function call<T>(send: Fetch, method: string, url: string, body: unknown, decode: Decoder<T> | null): Promise<T> {
  let response: Response;
  const init: RequestInit = { method, headers: { Accept: 'application/json' } };
  if (method !== 'GET') {
    init.headers = { ...init.headers, 'Content-Type': 'application/json' };
    init.body = JSON.stringify(body ?? {});
  }
  try {
    response = await send(url, init);
  } catch {
    throw new Problem('The server cannot be reached.', true);
  }
  if (!response.ok) {
    try {
      const p = problem(await response.json(), 'problem');
      throw new Problem(p.detail || p.title || `The server answered ${response.status}.`, false, response.status, p.diagnostics);
    } catch (err) {
      if (err instanceof Problem) throw err;
      throw new Problem(`The server answered ${response.status}.`, response.status >= 502, response.status);
    }
  }
  if (!decode) return undefined as T;
  return decode(await response.json(), `${method} ${url}`);
}

const path = (p: string) => p.split('/').map(encodeURIComponent).join('/');

export function createApi(slug: string, send: Fetch = (url, init) => fetch(url, init)) {
  const base = `/api/challenges/${encodeURIComponent(slug)}`;
  const run = (id: string) => `/api/runs/${encodeURIComponent(id)}`;
  return {
    workspace: () => call(send, 'GET', `${base}/workspace`, null, workspace),
    save: (file: string, text: string) => call(send, 'PUT', `${base}/files/${path(file)}`, { text }, answers.saved),
    remove: (file: string) => call(send, 'DELETE', `${base}/files/${path(file)}`, null, null),
    format: (file: string, text: string) => call(send, 'POST', `${base}/format`, { path: file, text }, answers.formatted),
    reset: (to: string, file?: string) => call(send, 'POST', `${base}/reset`, { to, path: file }, workspace),
    diagnose: (answer: number) => call(send, 'POST', `${base}/diagnosis`, { answer }, answers.diagnosis),
    hint: (n: number) => call(send, 'POST', `${base}/hints/${n}`, null, answers.hint),
    start: (hypothesis: string) => call(send, 'POST', `${base}/runs`, hypothesis ? { hypothesis } : {}, runInfo),
    runs: () => call(send, 'GET', `${base}/runs`, null, list(runInfo)),
    run: (id: string) => call(send, 'GET', run(id), null, runDetail),
    events: (id: string, after: number) => call(send, 'GET', `${run(id)}/events?after=${after}`, null, answers.events),
    graph: (id: string, view: string, against: string) =>
      call(send, 'GET', `${run(id)}/profiles/${view}${against ? `?against=${encodeURIComponent(against)}` : ''}`, null, graph),
    stop: (id: string) => call(send, 'POST', `${run(id)}/stop`, null, null),
    solution: () => call(send, 'GET', `${base}/solution`, null, answers.solution),
  };
}
export type Api = ReturnType<typeof createApi>;
