/** Writes Protocol Buffers messages by field number, so that tests can make models without the libraries that export them. */

/** A number becomes a varint, a string or bytes a length-delimited field; nested messages are bytes. */
export type Field = readonly [number: number, value: number | bigint | string | Uint8Array];

export function message(...fields: readonly (Field | undefined | false)[]): Buffer {
  return Buffer.concat(fields.filter((field): field is Field => Boolean(field)).map(([number, value]) => {
    if (typeof value === 'number' || typeof value === 'bigint') return Buffer.concat([varint(BigInt(number) << 3n), varint(BigInt(value))]);
    const bytes = Buffer.from(value as Uint8Array);
    return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(bytes.length)), bytes]);
  }));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Buffer.from(bytes);
}
