// What a line of SQLite's plan means for whoever waits for it.
import { count } from '../format';
import type { PlanStep } from '../wire/verdict';

/** Small tables are rightly read whole. */
const LARGE = 1000;

/** One sentence where a step is worth a look; '' where it is as it should be. */
export function advice(s: PlanStep): string {
  if (/^SCAN /.test(s.detail)) {
    if (/VIRTUAL TABLE|CONSTANT ROW/.test(s.detail) || (s.rows !== undefined && s.rows < LARGE)) return '';
    const all = s.rows ? `all ${count(s.rows)} rows` : 'every row';
    return /USING (COVERING )?INDEX/.test(s.detail) ? `Reads ${all}, in the order of an index.` : `Reads ${all}, each time.`;
  }
  if (/^USE TEMP B-TREE FOR (ORDER BY|LAST|RIGHT)/.test(s.detail)) return 'Sorts what was found before the first row is answered.';
  if (/^USE TEMP B-TREE/.test(s.detail)) return 'Collects what was found before the first row is answered.';
  if (/AUTOMATIC/.test(s.detail)) return 'Builds an index for this one statement, each time.';
  return '';
}
