/** Kernels over strings, which lie outside of WebAssembly's memory. */
import { i32, text } from '../tensors.mjs';

const grams = (title, data, dataSplits, extra = {}) => ({
  title,
  inputs: { data: text([data.length], data), dataSplits: i32([dataSplits.length], dataSplits) },
  attrs: { separator: '|', nGramWidths: [2], leftPad: 'L', rightPad: 'R', padWidth: 1, preserveShortSequences: false, ...extra },
});
const cut = (title, values, separator, skipEmpty) => ({
  title,
  inputs: { input: text([values.length], values), delimiter: text([], [separator]) },
  attrs: { skipEmpty },
});

export const TEXTS = {
  StringNGrams: [
    grams('two sentences', ['a', 'b', 'c', 'd'], [0, 2, 4]),
    grams('no words', [], [0, 0]),
    grams('no sentences', ['a'], []),
    grams('short sentences', ['a'], [0, 1], { nGramWidths: [3], padWidth: 0, preserveShortSequences: true }),
    grams('splits beyond the words', ['a', 'b'], [0, 7]),
    grams('negative splits', ['a', 'b'], [0, -1]),
    grams('splits that fall', ['a', 'b'], [0, 2, 1, 2]),
  ],
  StringSplit: [
    cut('two texts', ['a b c', ' d  e'], ' ', true),
    cut('empty parts', ['a b c', ' d  e'], ' ', false),
    cut('no text', [], ' ', true),
    cut('empty texts', ['', ''], ' ', true),
    cut('every letter', ['grün'], '', true),
  ],
  StringToHashBucketFast: [
    { title: 'three texts', inputs: { input: text([3], ['a', 'grün', '']) }, attrs: { numBuckets: 10 } },
    { title: 'no texts', inputs: { input: text([0]) }, attrs: { numBuckets: 10 } },
  ],
};
