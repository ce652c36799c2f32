// Languages and colours of the editor. Colours are the page's own tokens, so
// both themes need no code.
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { go } from '@codemirror/lang-go';
import { sql, SQLite } from '@codemirror/lang-sql';
import { yaml } from '@codemirror/lang-yaml';
import type { Extension } from '@codemirror/state';
import { EditorView } from '@codemirror/view';
import { tags as t } from '@lezer/highlight';

export function languageOf(path: string): Extension {
  if (path.endsWith('.go')) return go();
  if (path.endsWith('.sql')) return sql({ dialect: SQLite });
  if (/\.ya?ml$/.test(path)) return yaml();
  return [];
}

export const highlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [t.keyword, t.controlKeyword, t.definitionKeyword, t.moduleKeyword, t.operatorKeyword], color: 'var(--kw)' },
    { tag: [t.string, t.special(t.string), t.character], color: 'var(--str)' },
    { tag: [t.number, t.bool, t.null, t.atom], color: 'var(--num)' },
    { tag: [t.comment, t.lineComment, t.blockComment], color: 'var(--com)' },
    { tag: [t.function(t.variableName), t.function(t.propertyName), t.function(t.definition(t.variableName))], color: 'var(--fn)' },
    { tag: [t.typeName, t.className, t.standard(t.typeName)], color: 'var(--ty)' },
  ]),
);

export const theme = EditorView.theme({
  '&': { color: 'var(--t1)', backgroundColor: 'var(--s1)', fontSize: 'var(--code)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '20px' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0 16px 0 8px' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '&.cm-focused>.cm-scroller>.cm-selectionLayer .cm-selectionBackground,.cm-selectionBackground': { background: 'var(--sel)' },
  '.cm-gutters': { backgroundColor: 'var(--s1)', color: 'var(--t3)', border: 'none', fontSize: '12px' },
  '.cm-lineNumbers .cm-gutterElement': { padding: '0 6px 0 2px', minWidth: '30px', fontVariantNumeric: 'tabular-nums' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--s2) 70%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'transparent', color: 'var(--t1)' },
  '.cm-cost .cm-gutterElement': { padding: '0 5px 0 2px' },
  '.cm-cost .share': { height: '18px', marginTop: '1px', padding: '0 4px', borderRadius: '3px', font: '500 11px/18px var(--ui)', fontVariantNumeric: 'tabular-nums', textAlign: 'right', color: 'var(--t2)' },
  '.cm-cost .warm': { background: 'var(--s2)' },
  '.cm-cost .hot': { background: 'var(--warn-t)', color: 'var(--warn)' },
  '.cm-change': { width: '3px' },
  '.cm-change .cm-gutterElement': { padding: '0' },
  '.cm-change .mark': { width: '3px', height: '100%', background: 'var(--accent)' },
  '.cm-matchingBracket,&.cm-focused .cm-matchingBracket': { background: 'var(--s3)', outline: '1px solid var(--ctl)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--bad) 1px',
    textUnderlineOffset: '3px',
  },
  '.cm-gutter-lint': { width: '14px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '3px 0 0 2px' },
  '.cm-lint-marker-error': { content: '""', width: '9px', height: '9px', borderRadius: '50%', background: 'var(--bad)', marginTop: '2px' },
  '.cm-tooltip': { background: 'var(--s1)', border: '1px solid var(--line2)', borderRadius: '6px', color: 'var(--t1)' },
  '.cm-tooltip-lint': { padding: '0' },
  '.cm-panels': { background: 'var(--s2)', color: 'var(--t1)', borderColor: 'var(--line)' },
  '.cm-panel input,.cm-panel button': { fontSize: '12px' },
  '.cm-textfield': { background: 'var(--s1)', borderColor: 'var(--ctl)' },
  '.cm-button': { background: 'var(--s1)', borderColor: 'var(--ctl)' },
  '.cm-changeGutter': { display: 'none' },
  '.cm-changedLine,.cm-insertedLine,.cm-inlineChangedLine': { background: 'var(--ok-t) !important' },
  '.cm-changedText,.cm-deletedText': { background: 'none !important', textDecoration: 'none !important' },
  '.cm-insertedLine,.cm-deletedLine,.cm-deletedLine del': { textDecoration: 'none !important' },
  '.cm-deletedChunk': { background: 'var(--bad-t) !important', paddingLeft: '8px !important' },
  // The arrows around the words are in none of our fonts.
  '.cm-collapsedLines::before,.cm-collapsedLines::after': { content: 'none' },
  '.cm-collapsedLines': { background: 'var(--s2)', color: 'var(--t3)', padding: '2px 8px', fontSize: '12px', fontFamily: 'var(--ui)' },
});
