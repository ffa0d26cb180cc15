/** Before the first test: one PostgreSQL for the whole run. */
export default async function setup(): Promise<() => Promise<void>> {
  process.env['PILOTHOUSE_TEST_POSTGRES'] ??= 'postgres://postgres@127.0.0.1:55432/postgres';
  return async () => undefined;
}
