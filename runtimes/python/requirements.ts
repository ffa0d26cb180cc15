/** What a requirements.txt may ask for: packages of the index by name and version. Pure. */
import { ModelLoadError } from '../contract.js';

export const REQUIREMENTS = 'requirements.txt';

/** A name, extras, versions, and the condition that it is for. No option, path or URL. */
const REQUIREMENT = /^[A-Za-z0-9][A-Za-z0-9._-]*\s*(\[[A-Za-z0-9._,\s-]*\])?\s*([<>=!~][<>=!~A-Za-z0-9._*+,\s-]*)?(;[^@]*)?$/;

/** One requirement a line, sorted. @throws ModelLoadError that names the first line that is none */
export function readRequirements(text: string): string[] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(^|\s)#.*$/, '').trim());
  lines.forEach((line, i) => {
    if (line === '' || REQUIREMENT.test(line)) return;
    throw new ModelLoadError(
      `line ${i + 1} of ${REQUIREMENTS}, "${line.slice(0, 200)}", is no package with a version such as "scikit-learn==1.7.2"; options, paths and URLs are not taken`,
    );
  });
  return lines.filter((line) => line !== '').sort();
}
