/** Says what is wrong with a reply: nothing, a wrong answer, or values of another caller. */
import { MARK, type Question, type Value } from './question.js';
import type { Reply } from './wire.js';

/** Rounding of sums in another order; values of two callers differ by more. */
const TOLERANCE = 1e-5;

/** @returns what is wrong; undefined where the reply is right */
export function faultOf(reply: Reply, answer: Question['answer'], caller: number, callers: number): string | undefined {
  const foreign = foreignNumbers(reply, answer, caller, callers);
  if (foreign.length > 0) return `values of another caller: ${foreign.slice(0, 5).join(', ')}`;
  if (answer === 'refused')
    return reply.status >= 400 && reply.status < 500 && reply.status !== 429 ? undefined : `status ${reply.status} where a refusal is right`;
  if (reply.status !== 200) return `status ${reply.status}`;
  if (reply.outputs.length !== answer.length) return `${reply.outputs.length} outputs instead of ${answer.length}`;
  for (const wanted of answer) {
    const found = reply.outputs.find(({ name }) => name === wanted.name);
    if (!found) return `no output ${wanted.name}`;
    if (found.datatype !== wanted.datatype || found.shape.join() !== wanted.shape.join() || found.data.length !== wanted.data.length)
      return `${found.name} is ${found.datatype} [${found.shape.join()}] with ${found.data.length} elements instead of ${wanted.datatype} [${wanted.shape.join()}]`;
    const at = wanted.data.findIndex((value, i) => !same(found.data[i]!, value));
    if (at >= 0) return `${found.name}[${at}] is ${found.data[at]} instead of ${wanted.data[at]}`;
  }
  return undefined;
}

const same = (found: number, wanted: number): boolean =>
  Object.is(found, wanted) || found === wanted || Math.abs(found - wanted) <= TOLERANCE * Math.abs(wanted);

/** Numbers with the mark of another caller that the right answer does not have. In a refusal, every number that its text names. */
function foreignNumbers({ status, outputs, text }: Reply, answer: Question['answer'], caller: number, callers: number): number[] {
  const marked = (value: number): boolean => value >= MARK && value < MARK * (callers + 1) && Math.floor(value / MARK) !== caller;
  if (status !== 200) return [...text.matchAll(/\d+(\.\d+)?/g)].map(([number]) => Number(number)).filter(marked);
  const right = new Map<string, Value>(answer === 'refused' ? [] : answer.map((value) => [value.name, value]));
  return outputs.flatMap(({ name, data }) => data.filter((value, i) => marked(value) && !same(value, right.get(name)?.data[i] ?? NaN)));
}
