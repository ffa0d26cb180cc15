/** Inferences whose request and answer are text: reads the request, has it answered by the data plane, and writes the answer. */
import { isDeepStrictEqual } from 'node:util';
import type { Call } from '../dispatch/call.js';
import type { DataPlane } from '../dispatch/data-plane.js';
import { readAlike } from '../dispatch/reading.js';
import type { Target } from '../dispatch/router.js';
import { GatewayError } from '../gateway-error.js';
import type { HttpAnswer } from '../http/http-route.js';
import type { TargetRoute } from '../../routing/route-document.js';
import type { Reading } from '../text/text-protocol.js';
import { textProtocol, type ContextOf, type FormOf, type TextProtocolName } from '../text/text-protocols.js';
import type { BodyCodec } from '../text/body-codec.js';

export interface TextRequest {
  readonly call: Call;
  readonly model: string;
  readonly version?: number | undefined;
  readonly body: Buffer;
  /** How much of the body is text; all of it, where nothing is said. */
  readonly textBytes?: number;
}

/** What a protocol needs beside the body, of the version that the request goes to. */
type ContextFor<N extends TextProtocolName> = (route: TargetRoute) => ContextOf<N>;

/** Reads the request for a version. */
type Read<N extends TextProtocolName> = (route: TargetRoute) => Reading<FormOf<N>>;

/** A long text that has been read, and the target it was read for. */
interface ReadBefore<N extends TextProtocolName> {
  readonly read: Read<N>;
  readonly picked: Target | undefined;
}

export class TextInferences {
  constructor(
    private readonly dataPlane: DataPlane,
    private readonly codec: BodyCodec,
  ) {}

  /** @param context may throw what `DataPlane.infer` does. @throws GatewayError */
  infer<N extends TextProtocolName>(protocol: N, request: TextRequest, context: ContextFor<N>): Promise<HttpAnswer> {
    const { call, model, version } = request;
    if (!this.codec.isLong(textBytesOf(request))) return this.answer(protocol, call, model, version, readingHere(protocol, request, context));
    // The body is let go of here: what waits for a replica are its tensors.
    return this.readLong(protocol, request, context).then(({ read, picked }) => this.answer(protocol, call, model, version, read, picked));
  }

  private async answer<N extends TextProtocolName>(
    protocol: N,
    call: Call,
    model: string,
    version: number | undefined,
    read: Read<N>,
    picked?: Target,
  ): Promise<HttpAnswer> {
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
    const { body, binary } = await this.codec.write(protocol, answer.response.outputs, form, by, call, answer.deadline);
    return { status: 200, body, version: answer.version, ...(binary && { binary }) };
  }

  /** Reads a long text for the target that serves the model. Reading takes its time: what serves the model then may read the text otherwise. */
  private async readLong<N extends TextProtocolName>(protocol: N, request: TextRequest, context: ContextFor<N>): Promise<ReadBefore<N>> {
    for (;;) {
      const picked = this.pick(request);
      // A name that is unknown needs no reading: the data plane refuses it.
      if (!picked) return { read: readingHere(protocol, request, context), picked };
      const read = await this.readFor(picked, protocol, request, context);
      if (request.call.cancelled || this.dataPlane.serves(request.model, picked)) return { read, picked };
    }
  }

  private pick({ call, model, version }: TextRequest): Target | undefined {
    try {
      return this.dataPlane.pick(call, model, version);
    } catch {
      return undefined;
    }
  }

  /** What was wrong with the text is thrown when the data plane reads it: there it is counted. */
  private async readFor<N extends TextProtocolName>({ route }: Target, protocol: N, request: TextRequest, context: ContextFor<N>): Promise<Read<N>> {
    const { call, model, body } = request;
    try {
      // What deadline the text itself asks for is not known before it is read.
      const deadline = this.dataPlane.deadline(call, model);
      const needed = context(route);
      return readBefore(await this.codec.read(protocol, needed, body, textBytesOf(request), call, deadline), route, needed, context);
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }
}

const textBytesOf = ({ body, textBytes }: TextRequest): number => textBytes ?? body.length;

/** Between other requests. */
function readingHere<N extends TextProtocolName>(protocol: N, { body }: TextRequest, context: ContextFor<N>): Read<N> {
  return (route) => textProtocol(protocol).read(body, context(route));
}

/** Gives what was read for one version to versions that read it alike. */
function readBefore<N extends TextProtocolName>(reading: Reading<FormOf<N>>, route: TargetRoute, needed: ContextOf<N>, context: ContextFor<N>): Read<N> {
  return (other) => {
    if (other === route || readAlike(other.signature.inputs, route.signature.inputs) || isDeepStrictEqual(context(other), needed)) return reading;
    const message = `version ${other.versionNumber} replaced version ${route.versionNumber} after the request was read, and has other inputs; send the request again`;
    throw new GatewayError('UNAVAILABLE', message, 1);
  };
}
