/** Counts the calls that end in an error, also those that grpc-js refuses by itself (a message that is too large, an unknown method). */
import { status, type Server, type ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';
import { firstStatusTeller, onRefusedByServer, type GivenStatus } from './grpc-internals.js';

type OnError = (code: string) => void;

/** @param given the status of a call; a call that its caller gave up is not counted */
export function countError({ code }: GivenStatus, onError: OnError): void {
  if (code !== status.OK && code !== status.CANCELLED) onError(status[code ?? status.INTERNAL]);
}

/** Counts calls of known methods. @throws Error, at every call, where grpc-js has changed */
export function errorCount(onError: OnError): ServerInterceptor {
  const tell = firstStatusTeller((given) => countError(given, onError));
  return (_method, call) => {
    tell(call);
    // As it is: of what is refused below a wrapper, the wrapper hears nothing.
    return call as ServerInterceptingCall;
  };
}

/** Counts calls of unknown methods: they come no further. @throws Error where grpc-js has changed */
export function countUnknownMethods(server: Server, onError: OnError): void {
  onRefusedByServer(server, (given) => countError(given, onError));
}
