/** Texts that PostgreSQL can keep as they are. Pure. */

/** Why it cannot keep this one, to follow the text's name; undefined where it can. */
export function unstorable(text: string): string | undefined {
  if (text.includes('\u0000')) return 'holds a NUL character';
  return Buffer.from(text).toString() === text ? undefined : 'is not well-formed Unicode';
}
