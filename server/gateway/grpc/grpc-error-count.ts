/**
 * Counts the calls that end in an error, also those that grpc-js refuses by itself (a message that is too large, a method that nobody has):
 * each ends in one place inside it, which types do not show.
 */
import { status, type Server, type ServerInterceptingCall, type ServerInterceptor } from '@grpc/grpc-js';

type GivenStatus = { readonly code?: status | null };
interface Ending {
  sendStatus(given: GivenStatus): void;
}
interface Refusing {
  _respondWithError(given: GivenStatus, ...more: unknown[]): void;
}

type OnError = (code: string) => void;

/** @param given of a call that its caller gave up, nobody is told */
export function countError({ code }: GivenStatus, onError: OnError): void {
  if (code !== status.OK && code !== status.CANCELLED) onError(status[code ?? status.INTERNAL]);
}

/** Counts calls of known methods. @throws Error, at every call, where grpc-js has changed */
export function errorCount(onError: OnError): ServerInterceptor {
  // One function for all calls, not one for each. It counts the first status of a call: what follows is not sent.
  function sendStatus(this: Ending, given: GivenStatus): void {
    this.sendStatus = (Object.getPrototypeOf(this) as Ending).sendStatus;
    countError(given, onError);
    this.sendStatus(given);
  }
  return (_method, call) => {
    const ending = call as unknown as Ending;
    if (typeof ending.sendStatus !== 'function') throw new Error('this version of grpc-js ends calls otherwise: counting errors needs another way');
    ending.sendStatus = sendStatus;
    // As it is: of what is refused below a wrapper, the wrapper hears nothing.
    return call as ServerInterceptingCall;
  };
}

/** Counts calls of methods that nobody has: they come no further. @throws Error where grpc-js has changed */
export function countUnknownMethods(server: Server, onError: OnError): void {
  const refusing = server as unknown as Refusing;
  const { _respondWithError: respond } = refusing;
  if (typeof respond !== 'function') throw new Error('this version of grpc-js refuses unknown methods otherwise: counting them needs another way');
  refusing._respondWithError = (given, ...more) => {
    countError(given, onError);
    respond.call(server, given, ...more);
  };
}
