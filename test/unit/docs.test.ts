/** Links of the documentation, and mentions of it in the code, lead somewhere; the index of decisions lists each one by its title. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(ROOT, path)));
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
const withoutCode = (markdown: string) => markdown.replace(/^```.*?^```/gms, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]]/g, ' '));

/** What a link can point to in a page, as GitHub makes it of the headings. */
function anchors(path: string): Set<string> {
  const headings = read(path)
    .replace(/^```.*?^```/gms, '')
    .matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, text]) =>
      text!
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    ),
  );
}

/** @returns each relative link of a page that leads nowhere */
function deadLinks(page: string): string[] {
  const links = [...withoutCode(read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return links
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => {
      const [path, anchor] = link.split('#') as [string, string?];
      const target = path === '' ? page : normalize(join(dirname(page), path));
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchors(target).has(anchor);
    })
    .map((link) => `${page}: ${link}`);
}

describe('the documentation', () => {
  const pages = tracked.filter((path) => path.endsWith('.md'));

  it('has no link that leads nowhere', () => {
    expect(pages).toContain('docs/README.md');
    expect(pages.flatMap(deadLinks)).toEqual([]);
  });

  it('is mentioned in the code only by pages that are there', () => {
    const sources = tracked.filter((path) => /\.(ts|mjs|py|sh|sql)$/.test(path) && path !== 'test/unit/docs.test.ts');
    const mentions = sources.flatMap((path) => [...read(path).matchAll(/(?<![\w/.-])docs\/[\w/-]+\.md/g)].map(([page]) => ({ path, page })));
    expect(mentions.length).toBeGreaterThan(0);
    const missing = mentions.filter(({ page }) => !existsSync(join(ROOT, page)));
    expect(missing).toEqual([]);
  });

  it('lists every decision by its title', () => {
    const rows = [...read('docs/decisions/README.md').matchAll(/^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$/gm)].map(([, number, file, title]) => [
      file,
      `${number} ${title}`,
    ]);
    const files = tracked.filter((path) => /^docs\/decisions\/\d{4}-.+\.md$/.test(path)).map((path) => path.split('/').at(-1)!);
    expect(rows.map(([file]) => file)).toEqual(files);
    expect(rows.map(([, title]) => title)).toEqual(files.map((file) => read(`docs/decisions/${file}`).split('\n')[0]!.replace(/^# /, '')));
  });
});
