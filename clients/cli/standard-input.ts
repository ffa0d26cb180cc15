/** What comes from standard input: a secret, or a piped file. */

/** The first line of a pipe, or what is typed at a terminal without being shown. undefined where there is neither. */
export async function readSecret(prompt: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) {
    const text = await readAll();
    return text.toString('utf8').split('\n')[0]!.trim() || undefined;
  }
  process.stderr.write(prompt);
  process.stdin.setRawMode(true);
  try {
    let typed = '';
    for await (const chunk of process.stdin) {
      for (const letter of String(chunk)) {
        if (letter === '\r' || letter === '\n' || letter === '\u0004') return typed.trim() || undefined;
        if (letter === '\u0003') process.exit(130);
        typed = letter === '\u007f' ? typed.slice(0, -1) : typed + letter;
      }
    }
    return typed.trim() || undefined;
  } finally {
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stderr.write('\n');
  }
}

export async function readAll(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}
