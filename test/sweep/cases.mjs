/** Every kernel's cases: shapes, datatypes, special values, and indices and sizes that point outside. */
import { CONVOLUTIONS } from './cases/convolutions.mjs';
import { ELEMENTWISE } from './cases/elementwise.mjs';
import { PICTURES } from './cases/images.mjs';
import { INDICES } from './cases/indices.mjs';
import { REDUCTIONS } from './cases/reductions.mjs';
import { SHAPING } from './cases/shapes.mjs';
import { TEXTS } from './cases/texts.mjs';

/** @type {Record<string, import('./tensors.mjs').Case[]>} */
export const CASES = { ...ELEMENTWISE, ...REDUCTIONS, ...SHAPING, ...INDICES, ...PICTURES, ...CONVOLUTIONS, ...TEXTS };
