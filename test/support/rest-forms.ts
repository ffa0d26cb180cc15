/** Every form in which a case can be sent over HTTP, written as its protocol's clients write it. */
import type { RestGateway } from './json-over-http.js';
import { OPEN_INFERENCE_FORMS } from './open-inference-forms.js';
import type { ProtocolForm } from './protocol-cases.js';
import { ROW_PROTOCOL_FORMS } from './row-protocol-forms.js';

export const REST_FORMS: readonly ProtocolForm<RestGateway>[] = [...OPEN_INFERENCE_FORMS, ...ROW_PROTOCOL_FORMS];
