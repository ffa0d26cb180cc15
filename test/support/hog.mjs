/** Takes as many bytes as it is told, and keeps them. */
const taken = Buffer.alloc(Number(process.argv[2]), 1);
setInterval(() => taken.length, 1000);
