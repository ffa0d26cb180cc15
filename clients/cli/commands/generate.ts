/** `generate`: a typed module that knows the inputs and outputs of deployed models. */
import { readFile, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import type { VersionDetailFragment } from '../../typescript/src/generated/operations.js';
import { addCommand, addGroup } from '../command.js';
import { EXIT, CommandError, wrongUse } from '../exit-codes.js';
import { pythonModule } from '../generate/python.js';
import { typescriptModule } from '../generate/typescript.js';
import { differences, readSignatures, type GeneratedModel } from '../generate/model.js';
import { findDeployment, findVersion, versionName } from '../references.js';
import type { Session } from '../session.js';

interface GenerateOptions {
  readonly out?: string;
  readonly check?: boolean;
}

export function addGenerateCommands(program: Command): void {
  const group = addGroup(program, 'generate', 'typed modules for the deployed models');
  const languages = [
    ['typescript', 'ts', typescriptModule],
    ['python', 'py', pythonModule],
  ] as const;
  for (const [language, ending, write] of languages)
    addCommand<GenerateOptions>(group, `${language} <deployments...>`, {
      does: `write a ${language === 'python' ? 'Python' : 'TypeScript'} module with a typed function for each deployment`,
      examples: [`generate ${language} iris -o iris.${ending}`, `generate ${language} iris digits -o models.${ending} --check`],
      options: (command) =>
        command
          .option('-o, --out <file>', 'file to write; standard output by default')
          .option('--check', 'write nothing; exit 1 and name the fields that differ if the file is not up to date'),
      run: (session, names, options) => generate(session, names, options, write),
    });
}

async function generate(
  session: Session,
  names: readonly string[],
  { out, check }: GenerateOptions,
  write: (models: readonly GeneratedModel[]) => string,
): Promise<void> {
  if (check && out === undefined) throw wrongUse('--check compares with a file; name it with --out');
  const models: GeneratedModel[] = [];
  for (const name of names) models.push(await modelOf(session, name));
  const text = write(models);
  if (check && out !== undefined) {
    const before = await readFile(out, 'utf8');
    if (before === text) return session.output.result({ path: out, upToDate: true }, () => session.output.line(`${out} is up to date`));
    const signatures = readSignatures(before);
    const changed = signatures ? differences(signatures, models) : [];
    const reason = changed.length > 0 ? changed.join('; ') : 'it was edited, or written by another version of pilothouse';
    throw new CommandError(EXIT.failed, `${out} is not up to date: ${reason}; write it again with "pilothouse generate"`);
  }
  if (out === undefined) return session.output.text(text);
  await writeFile(out, text);
  session.output.result({ path: out }, () => session.output.line(`wrote ${out}`));
}

async function modelOf(session: Session, text: string): Promise<GeneratedModel> {
  const deployment = await findDeployment(session, text);
  const target = deployment.targets.find(({ weight }) => weight > 0) ?? deployment.targets[0]!;
  const version: VersionDetailFragment = await findVersion(session, `${deployment.project.name}/${versionName(target.version)}`);
  if (!version.signature) throw new CommandError(EXIT.failed, `${versionName(version)} has no signature`);
  return { project: deployment.project.name, name: deployment.name, endpoint: deployment.endpoint, ...version.signature };
}
