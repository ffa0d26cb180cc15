/** The protocols whose tensors are text, by the names that both processes know them by. */
import { mlflowText } from './mlflow-text.js';
import { openInferenceText } from './open-inference-text.js';
import { tensorFlowServingText } from './tensorflow-serving-text.js';
import type { TextProtocol } from './text-protocol.js';

export const TEXT_PROTOCOLS = { mlflow: mlflowText, 'open-inference': openInferenceText, 'tensorflow-serving': tensorFlowServingText };

export type TextProtocolName = keyof typeof TEXT_PROTOCOLS;
export type ContextOf<N extends TextProtocolName> = (typeof TEXT_PROTOCOLS)[N] extends TextProtocol<infer Context, infer _> ? Context : never;
export type FormOf<N extends TextProtocolName> = (typeof TEXT_PROTOCOLS)[N] extends TextProtocol<infer _, infer Form> ? Form : never;

export const textProtocol = <N extends TextProtocolName>(name: N): TextProtocol<ContextOf<N>, FormOf<N>> =>
  TEXT_PROTOCOLS[name] as unknown as TextProtocol<ContextOf<N>, FormOf<N>>;
