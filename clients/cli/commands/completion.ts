/** `completion`: a script for a shell that completes commands and flags. */
import type { Command } from 'commander';
import { addCommand } from '../command.js';
import { wrongUse } from '../exit-codes.js';

export function addCompletionCommand(program: Command): void {
  addCommand(program, 'completion <shell>', {
    does: 'print a script that completes commands, for bash, zsh or fish',
    examples: ['completion bash > ~/.local/share/bash-completion/completions/pilothouse', 'completion fish > ~/.config/fish/completions/pilothouse.fish'],
    run: (session, [shell]) => {
      const write = SCRIPTS[shell!];
      if (!write) throw wrongUse(`there is no completion for "${shell}"; give bash, zsh or fish`);
      session.output.text(write(wordsOf(program)));
    },
  });
}

/** After which words which words may follow; `` is the beginning. */
type Words = ReadonlyMap<string, readonly string[]>;

function wordsOf(program: Command): Words {
  const words = new Map<string, string[]>();
  const flags = program.options.map((option) => option.long ?? option.short!);
  const walk = (command: Command, path: string): void => {
    const own = command === program ? [] : command.options.map((option) => option.long ?? option.short!);
    words.set(path, [...command.commands.map((each) => each.name()), ...own, ...flags, '--help']);
    for (const each of command.commands) walk(each, `${path} ${each.name()}`.trim());
  };
  walk(program, '');
  return words;
}

const cases = (words: Words): string => [...words].map(([path, next]) => `    "${path}") words="${next.join(' ')}" ;;`).join('\n');

const bash = (words: Words): string => `# bash completion for pilothouse
_pilothouse() {
  local path="" word words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    [[ "$word" == -* ]] && continue
    case " ${[...words.keys()]
      .filter(Boolean)
      .map((path) => path.replaceAll(' ', ':'))
      .join(' ')} " in
      *" \${path:+\${path// /:}:}$word "*) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases(words)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}") $(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _pilothouse pilothouse
`;

const SCRIPTS: Readonly<Record<string, (words: Words) => string>> = {
  bash,
  zsh: (words) => `#compdef pilothouse\nautoload -U +X bashcompinit && bashcompinit\n${bash(words)}`,
  fish: (words) =>
    `# fish completion for pilothouse\n${[...words]
      .map(([path, next]) => {
        const condition = path === '' ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${path.split(' ').at(-1)}`;
        return `complete -c pilothouse -n "${condition}" -a "${next.join(' ')}"`;
      })
      .join('\n')}\n`,
};
