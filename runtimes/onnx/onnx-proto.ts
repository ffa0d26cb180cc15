/** Numbers of the fields that are read or written here, from onnx.proto. */
export const MODEL = { IR_VERSION: 1, GRAPH: 7 };
export const GRAPH = { NODE: 1, NAME: 2, INITIALIZER: 5, INPUT: 11, OUTPUT: 12 };
export const NODE = { INPUT: 1, OUTPUT: 2 };
export const INITIALIZER = { DIMENSION: 1, DATATYPE: 2, STRING: 6, NAME: 8 };
export const VALUE = { NAME: 1, TYPE: 2 };
export const TYPE = { TENSOR: 1 };
export const TENSOR_TYPE = { SHAPE: 2 };
