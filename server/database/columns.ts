/** Options of columns that recur, so that each stands in one place. */

/** A bigint that stays below 2^53 and is a number in code; pg hands it over as text. */
export const bigintColumn = {
  type: 'bigint' as const,
  transformer: { to: (value: unknown) => value, from: (value: string | null) => (value === null ? null : Number(value)) },
};

export const timestampColumn = { type: 'timestamptz', precision: 3 } as const;
