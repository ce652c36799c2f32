// Profiles as trees, as grader/evidence folds them and docs/wire.md describes.
import { boolean, list, number, object, optional, string, type Of } from './decode';

const side = object({ total: number, samples: number, requests: number, missing: optional(boolean) });

export const graph = object({
  view: string,
  unit: string,
  per_request: boolean,
  before: side,
  after: side,
  functions: list(string),
  owners: list(number),
  nodes: object({ parent: list(number), function: list(number), before: list(number), after: list(number) }),
  left_out: number,
  lines: list(object({ file: string, line: number, before: number, after: number })),
  table: list(object({ function: number, self_before: number, self_after: number, before: number, after: number })),
});
export type Graph = Of<typeof graph>;
