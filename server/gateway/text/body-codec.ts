/** Reads requests that are text and writes answers as text: short ones in this process, long ones in processes beside it. */
import type { Tensor } from '../../../runtimes/tensor.js';
import type { Call } from '../dispatch/call.js';
import { asRefusal } from '../gateway-error.js';
import { MAX_ELEMENTS_WRITTEN_HERE, MAX_ELEMENTS_WRITTEN_SOON, MAX_TEXT_READ_HERE, MAX_TEXT_READ_SOON } from '../limits.js';
import type { TextProcess } from './text-process.js';
import type { AnsweredBy, Reading, Text } from './text-protocol.js';
import { textProtocol, type ContextOf, type FormOf, type TextProtocolName } from './text-protocols.js';

export interface TextProcesses {
  /** For what takes a second at most. */
  readonly long: TextProcess;
  /** For what may take many. */
  readonly longest: TextProcess;
}

export class BodyCodec {
  constructor(private readonly processes: TextProcesses) {}

  /** Whether a text is too long to be read between other requests. */
  isLong(textBytes: number): boolean {
    return textBytes > MAX_TEXT_READ_HERE;
  }

  /** Reads a long text. @param deadline when it is given up, by the gateway's clock. @throws as `TextProcess.read` */
  read<N extends TextProtocolName>(
    protocol: N,
    context: ContextOf<N>,
    body: Buffer,
    textBytes: number,
    call: Call,
    deadline: number,
  ): Promise<Reading<FormOf<N>>> {
    return this.processes[textBytes > MAX_TEXT_READ_SOON ? 'longest' : 'long'].read(protocol, context, body, call, deadline);
  }

  /** @param deadline as of `read`. @throws GatewayError */
  async write<N extends TextProtocolName>(
    protocol: N,
    outputs: readonly Tensor[],
    form: FormOf<N>,
    by: AnsweredBy,
    call: Call,
    deadline: number,
  ): Promise<Text> {
    const { elements, write } = textProtocol(protocol);
    try {
      const work = elements(outputs, form);
      if (work <= MAX_ELEMENTS_WRITTEN_HERE) return write(outputs, form, by);
      return await this.processes[work > MAX_ELEMENTS_WRITTEN_SOON ? 'longest' : 'long'].write(protocol, outputs, form, by, call, deadline);
    } catch (error) {
      throw asRefusal(error, { field: 'outputs' });
    }
  }
}
