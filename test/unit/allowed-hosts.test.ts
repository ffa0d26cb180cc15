import { expect, test } from 'vitest';
import { AllowedHosts } from '../../server/allowed-hosts.js';

const hosts = new AllowedHosts({ bound: '127.0.0.1', names: ['Box.example'], origins: ['https://app.example.com', 'app://local'] });

test.each([
  ['localhost', undefined],
  ['LOCALHOST:8000', undefined],
  ['127.0.0.1:8000', undefined],
  ['127.1.2.3', undefined],
  ['[::1]:8000', undefined],
  ['box.example:80', undefined],
  // An old client, which is no browser.
  [undefined, undefined],
  ['localhost', 'http://localhost:3000'],
  ['localhost', 'https://127.0.0.1'],
  ['localhost', 'http://[::1]:5173'],
  ['localhost', 'http://box.example'],
  ['localhost', 'https://app.example.com'],
  ['localhost', 'app://local'],
])('Host %s with Origin %s may call', (host, origin) => {
  expect(hosts.refusal(host, origin)).toBeUndefined();
});

test.each([
  ['evil.example', undefined, 'Host is "evil.example"'],
  ['localhost.evil.example', undefined, 'Host'],
  ['127.0.0.1.evil.example', undefined, 'Host'],
  ['127.0.0.1.evil.example:127', undefined, 'Host'],
  ['127.999.0.1', undefined, 'Host'],
  ['10.0.0.1', undefined, 'Host'],
  ['evil.example@localhost', undefined, 'Host'],
  ['localhost:80:80', undefined, 'Host'],
  ['', undefined, 'Host'],
  ['localhost', 'http://evil.example', 'Origin is "http://evil.example"'],
  ['localhost', 'http://localhost.evil.example', 'Origin'],
  ['localhost', 'http://localhost@evil.example', 'Origin'],
  ['localhost', 'http://app.example.com', 'Origin'],
  ['localhost', 'null', 'Origin'],
  ['localhost', '', 'Origin'],
  ['localhost', 'file://localhost', 'Origin'],
])('Host %s with Origin %s may not', (host, origin, message) => {
  expect(hosts.refusal(host, origin)).toContain(`the header ${message}`);
  // Nor the second time.
  expect(hosts.refusal(host, origin)).toContain(`the header ${message}`);
});

test('"*" lets every page in, and no other Host', () => {
  const any = new AllowedHosts({ bound: 'localhost', names: [], origins: ['*'] });
  expect(any.refusal('localhost', 'http://evil.example')).toBeUndefined();
  expect(any.refusal('evil.example', 'http://evil.example')).toContain('the header Host');
});

test('beyond loopback every door asks for a token: any name is answered', () => {
  const open = new AllowedHosts({ bound: '0.0.0.0', names: [], origins: [] });
  expect(open.refusal('evil.example', 'http://evil.example')).toBeUndefined();
});
