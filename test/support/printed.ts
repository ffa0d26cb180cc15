/** Output as a document shows it, held against what was printed. `…` stands for what differs, alone on a line for any number of lines. */
import { expect } from 'vitest';

const ANY_LINES = '(?:.*\\n)*?';

export function expectPrinted(printed: string, shown: string): void {
  const lines = shown.trimEnd().split('\n');
  const pattern = shown === '' ? '' : lines.map((line) => (line.trim() === '…' ? ANY_LINES : `${line.split('…').map(escape).join('.+?')}\\n`)).join('');
  // The comparison of texts is what a failure shows best.
  if (!new RegExp(`^${pattern}$`).test(printed)) expect(printed).toBe(shown);
}

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
