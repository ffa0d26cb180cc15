/** Inferences whose request and answer are text. What is long is read and written in processes beside this one. */
import { isDeepStrictEqual } from 'node:util';
import { TensorError } from '../../../runtimes/tensor.js';
import type { DataPlane } from '../dispatch/data-plane.js';
import { GatewayError } from '../gateway-error.js';
import { MAX_ELEMENTS_WRITTEN_HERE, MAX_ELEMENTS_WRITTEN_SOON, MAX_TEXT_READ_HERE, MAX_TEXT_READ_SOON } from '../limits.js';
import type { Answer } from '../dispatch/answer.js';
import type { Call } from '../dispatch/call.js';
import { readAlike } from '../dispatch/reading.js';
import type { TargetRoute } from '../../routing/route-document.js';
import type { Target } from '../dispatch/router.js';
import type { HttpAnswer } from '../http/http-route.js';
import type { AnsweredBy, Reading, Text } from '../protocols/text-protocol.js';
import { textProtocol, type ContextOf, type FormOf, type TextProtocolName } from '../protocols/text-protocols.js';
import type { TextProcess } from './text-process.js';

export interface TextCall {
  readonly call: Call;
  readonly model: string;
  readonly version?: number | undefined;
  readonly body: Buffer;
  /** How much of the body is text; all of it, where nothing is said. */
  readonly textBytes?: number;
}

export interface TextProcesses {
  /** For what takes a second at most. */
  readonly long: TextProcess;
  /** For what may take many. */
  readonly longest: TextProcess;
}

export class Texts {
  constructor(
    private readonly dataPlane: DataPlane,
    private readonly processes: TextProcesses,
  ) {}

  /** @param context of the target that the request goes to; may throw what `DataPlane.infer` does. @throws GatewayError */
  async infer<N extends TextProtocolName>(protocol: N, text: TextCall, context: (route: TargetRoute) => ContextOf<N>): Promise<HttpAnswer> {
    const { call, model, version, body, textBytes = body.length } = text;
    let read = (route: TargetRoute): Reading<FormOf<N>> => textProtocol(protocol).read(body, context(route));
    let picked: Target | undefined;
    if (textBytes > MAX_TEXT_READ_HERE) {
      do {
        // A name that is unknown needs no reading, and is told below, where every request is.
        picked = this.pick(text);
        if (picked) read = await this.readElsewhere(protocol, text, textBytes > MAX_TEXT_READ_SOON, context, picked);
        // It takes its time: what serves the model then may read the text otherwise.
      } while (picked && !call.cancelled && !this.dataPlane.serves(model, picked));
    }
    let form!: FormOf<N>;
    const answer = await this.dataPlane.infer(
      call,
      model,
      version,
      (route) => {
        const reading = read(route);
        form = reading.form;
        return reading.request;
      },
      picked,
    );
    const by = { model, version: answer.version };
    const { body: written, binary } = await this.write(protocol, call, answer, form, by);
    return { status: 200, body: written, version: answer.version, ...(binary && { binary }) };
  }

  private pick({ call, model, version }: TextCall): Target | undefined {
    try {
      return this.dataPlane.pick(call, model, version);
    } catch {
      return undefined;
    }
  }

  /** @returns what gives the request to versions that read it alike: what was wrong with it is to be counted as what is read here */
  private async readElsewhere<N extends TextProtocolName>(
    protocol: N,
    { call, model, body }: TextCall,
    longest: boolean,
    context: (route: TargetRoute) => ContextOf<N>,
    { route }: Target,
  ): Promise<(route: TargetRoute) => Reading<FormOf<N>>> {
    try {
      // What deadline the text itself asks for is not known before it is read.
      const deadline = this.dataPlane.deadline(call, model);
      const read = context(route);
      const reading = await this.processes[longest ? 'longest' : 'long'].read(protocol, read, body, call, deadline);
      return (other) => {
        if (other === route || readAlike(other.signature.inputs, route.signature.inputs) || isDeepStrictEqual(context(other), read)) return reading;
        const message = `the request is a long text that was read for version ${route.versionNumber}; version ${other.versionNumber} has other inputs and serves now: send it again`;
        throw new GatewayError('UNAVAILABLE', message, 1);
      };
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  private async write<N extends TextProtocolName>(protocol: N, call: Call, answer: Answer, form: FormOf<N>, by: AnsweredBy): Promise<Text> {
    const { elements, write } = textProtocol(protocol);
    const { outputs } = answer.response;
    try {
      const work = elements(outputs, form);
      if (work <= MAX_ELEMENTS_WRITTEN_HERE) return write(outputs, form, by);
      return await this.processes[work > MAX_ELEMENTS_WRITTEN_SOON ? 'longest' : 'long'].write(protocol, outputs, form, by, call, answer.deadline);
    } catch (error) {
      throw error instanceof TensorError ? new GatewayError('INVALID', error.message) : error;
    }
  }
}
