/**
 * A gateway as its holder sees it: takes the inherited socket, answers with who it is, drains on SIGTERM. `/held` says at once that it is
 * under way, by the head of its answer, and answers when its caller has sent all of the request.
 */
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  const answer = () =>
    response.end(
      JSON.stringify({ pid: process.pid, flavour: process.env.STAND_IN_FLAVOUR, home: process.env.PILOTHOUSE_HOME, build: process.env.PILOTHOUSE_BUILD }),
    );
  if (request.url !== '/held') return answer();
  response.flushHeaders();
  request.resume().on('end', answer);
});
server.keepAliveTimeout = 1;
server.listen({ fd: Number(process.env.PILOTHOUSE_HTTP_FD) });
if (process.env.PILOTHOUSE_GRPC_FD) createServer((_, response) => response.end('grpc')).listen({ fd: Number(process.env.PILOTHOUSE_GRPC_FD) });
process.on('SIGTERM', () => server.close(() => process.exit(0)));
