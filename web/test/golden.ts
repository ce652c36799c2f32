// The golden files that the Go tests read too.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join('..', 'grader', 'verdict', 'testdata');

export const names = readdirSync(FOLDER).filter((f) => f.endsWith('.json'));
export const golden = (name: string): unknown => JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
