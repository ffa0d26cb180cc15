/** Names that were mistyped, and which was meant. Pure. */

/** Two names are close where so few letters were left out, added, replaced or swapped with the next. */
const CLOSE = 2;

/** A line for each name that is set and means nothing. */
export const describeUnknown = ({ unknown, known }: { readonly unknown: readonly string[]; readonly known: readonly string[] }): string[] =>
  unknown.map((name) => {
    const meant = nearest(name, known);
    return `${name} is set, and means nothing to Pilothouse${meant === undefined ? ': "pilothouse help" lists the variables.' : `: did you mean ${meant}?`}`;
  });

/** The name that is closest; undefined where none is close. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known.map((other) => ({ other, edits: editsBetween(name, other) })).sort((a, b) => a.edits - b.edits);
  return ranked[0] && ranked[0].edits <= CLOSE ? ranked[0].other : undefined;
}

/** How many letters must be added, removed, replaced or swapped with the next to make one of the other. */
function editsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(rows[i - 1]![j]! + 1, row[j - 1]! + 1, replaced, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
