/**
 * Inputs that have a default: an initializer of the same name. ONNX Runtime takes a request's value for such an input, but its Node.js binding
 * does not pass it on. So the model is loaded without these initializers, which makes ordinary inputs of them, and a second model, which has
 * nothing else, is asked for their values once. They are given with each request that leaves them out (docs/reference/formats.md).
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { GRAPH, INITIALIZER, MODEL, VALUE } from './onnx-proto.js';
import { fieldHeader, lengthOf, ProtobufFile, type Field, type Part } from './protobuf-file.js';

export interface SplitModel {
  /** The model without the defaults. */
  readonly model: Buffer;
  /** A model without inputs, whose outputs are the defaults, by their names. */
  readonly defaults: Buffer;
}

/** @param optional names of inputs that have a default. @throws Error where the file cannot be read */
export function splitDefaults(path: string, optional: ReadonlySet<string>): SplitModel {
  const descriptor = openSync(path, 'r');
  try {
    const file = new ProtobufFile(descriptor);
    const whole = ({ tag, end }: Field): Part => ({ start: tag, end });
    const nameOf = (field: Field, number: number): string => {
      const name = file.find(field, number);
      return name ? file.text(name) : '';
    };
    const isDefault = (field: Field): boolean => field.number === GRAPH.INITIALIZER && optional.has(nameOf(field, INITIALIZER.NAME));
    const isOptional = (field: Field): boolean => field.number === GRAPH.INPUT && optional.has(nameOf(field, VALUE.NAME));

    const around: Part[] = [];
    const kept: Part[] = [];
    const name = Buffer.from('defaults');
    const removed: Part[] = [fieldHeader(GRAPH.NAME, name.length), name];
    for (const field of file.fields(0, fstatSync(descriptor).size)) {
      if (field.number !== MODEL.GRAPH) {
        around.push(whole(field));
        continue;
      }
      for (const part of file.fields(field.start, field.end)) {
        (isDefault(part) ? removed : kept).push(whole(part));
        // The value is described as an output like as an input.
        if (isOptional(part)) removed.push(fieldHeader(GRAPH.OUTPUT, lengthOf([part])), part);
      }
    }
    const modelOf = (graph: readonly Part[]): Buffer => file.joined([...around, fieldHeader(MODEL.GRAPH, lengthOf(graph)), ...graph]);
    return { model: modelOf(kept), defaults: modelOf(removed) };
  } finally {
    closeSync(descriptor);
  }
}
