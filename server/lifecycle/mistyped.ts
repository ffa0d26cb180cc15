/** Names that were mistyped, and which was meant. Pure. */
import { closest, distance } from 'fastest-levenshtein';

/** Two names are close where at most so many letters were left out, added or replaced. */
const CLOSE = 2;

/** A line for each name that is set and means nothing. */
export const describeUnknown = ({ unknown, known }: { readonly unknown: readonly string[]; readonly known: readonly string[] }): string[] =>
  unknown.map((name) => {
    const nearest = closest(name, known);
    const meant = distance(name, nearest) <= CLOSE ? `: did you mean ${nearest}?` : ': "pilothouse help" lists the variables.';
    return `unknown variable ${name}${meant}`;
  });
