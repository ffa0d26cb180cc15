/** GraphQL operations that ask for too much, each in its own way. They are for the schema of probe.resolver.ts. */

export const deep = `{ ${'probe { '.repeat(20)} id ${'}'.repeat(20)} }`;
export const aliases = `{ ${Array.from({ length: 60 }, (_, i) => `a${i}: refusal`).join(' ')} }`;
export const directives = `query ${Array.from({ length: 60 }, (_, i) => `@d${i}`).join(' ')} { refusal }`;
export const manyDirectives = `query ${Array.from({ length: 5_000 }, (_, i) => `@d${i}`).join(' ')} { refusal }`;
export const unknownFields = `{ ${Array.from({ length: 90 }, (_, i) => `unknown${i}`).join(' ')} }`;
export const breadth = `{ ${'refusal '.repeat(101)} }`;
export const expensive = '{ probes(first: 100) { nodes { id } edges { node { id number } } } p: probes(first: 50000) { nodes { id } } }';
export const bombFragments = `{ ...f0 } ${Array.from({ length: 30 }, (_, i) => `fragment f${i} on Query { ...f${i + 1} ...f${i + 1} }`).join(' ')} fragment f30 on Query { probes(first: 100) { nodes { id } } }`;
export const lists = 'mutation ($input: ProbeInput!) { makeProbe(input: $input) { probe { id } } }';
// As text: no client's JSON.stringify goes that deep.
const nested = `{"input":{"json":${'['.repeat(50_000)}${']'.repeat(50_000)}}}`;
export const deepOperation = `{"query":${JSON.stringify(lists)},"variables":${nested}}`;
export const bigBody = JSON.stringify({ query: '{ refusal }', variables: { filler: 'x'.repeat(1024 ** 2) } });
