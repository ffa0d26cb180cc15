/** What a check of `pilothouse doctor` has found. */
export interface Finding {
  readonly name: string;
  readonly state: 'OK' | 'WARNING' | 'FAILED';
  readonly message: string;
  /** null where there is nothing to do. */
  readonly advice: string | null;
}

export type Result = Omit<Finding, 'name'>;

export const ok = (message: string): Result => ({ state: 'OK', message, advice: null });
export const warning = (message: string, advice: string): Result => ({ state: 'WARNING', message, advice });
export const failed = (message: string, advice: string): Result => ({ state: 'FAILED', message, advice });
