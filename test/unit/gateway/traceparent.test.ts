import { expect, test } from 'vitest';
import { parseTraceparent } from '../../../server/gateway/observe/traceparent.js';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';

test.each([
  [`00-${TRACE}-${SPAN}-01`, 1],
  [`00-${TRACE}-${SPAN}-00`, 0],
  // A version to come may say more.
  [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, 1],
])('%s is taken up', (header, traceFlags) => {
  expect(parseTraceparent(header)).toEqual({ traceId: TRACE, spanId: SPAN, traceFlags });
});

test.each([
  [undefined],
  [''],
  [[`00-${TRACE}-${SPAN}-01`, `00-${TRACE}-${SPAN}-01`]],
  [`ff-${TRACE}-${SPAN}-01`],
  [`00-${TRACE}-${SPAN}-01-more`],
  [`00-${TRACE.toUpperCase()}-${SPAN}-01`],
  [`00-${'0'.repeat(32)}-${SPAN}-01`],
  [`00-${TRACE}-${'0'.repeat(16)}-01`],
  [`00-${TRACE}-${SPAN}`],
  [` 00-${TRACE}-${SPAN}-01`],
])('%j begins a trace of its own', (header) => {
  expect(parseTraceparent(header)).toBeUndefined();
});
