// The console in headless Chromium, against a registry that is played (console/mock.mjs): every view in light and dark,
// wide and 360 px, with axe and a picture; sign-in; the keyboard; and the journey of an administrator.
import { check, cleanup, equal, judge } from './lib.mjs';
import { focused, follow, go, inspect, noFaults, openBrowser, openPage, picture, press, says, settled, textOf } from './console/browser.mjs';
import { journey } from './console/journey.mjs';
import { MockRegistry } from './console/mock.mjs';

async function registry(options) {
  const made = new MockRegistry(options);
  await made.listen();
  made.tokens.set('handed', Infinity);
  cleanup(() => made.close());
  return made;
}

const first = (rows, fits) => [...rows.values()].find(fits);

function views(mock) {
  const server = (status) => first(mock.servers, (row) => row.status === status).id;
  const agent = (status) => first(mock.agents, (row) => row.agent.status === status).agent.id;
  return [
    ['servers', '#/servers'],
    ['servers-nothing-fits', '#/servers?name=zzz'],
    ['server-active', `#/servers/${server('ACTIVE')}`],
    ['server-degraded', `#/servers/${first(mock.servers, (row) => row.degraded).id}`],
    ['server-invalid', `#/servers/${server('INVALID')}`],
    ['setup-pending', `#/servers/${server('PENDING')}/setup`],
    ['register', '#/servers/new'],
    ['authorization-servers', '#/authorization-servers'],
    ['authorization-server', `#/authorization-servers/${[...mock.custom.keys()][0]}`],
    ['agents', '#/agents'],
    ['agent-active', `#/agents/${agent('ACTIVE')}`],
    ['agent-staged', `#/agents/${agent('STAGED')}`],
    ['agent-new', '#/agents/new'],
    ['connections', '#/connections'],
    ['operations', '#/operations'],
    ['events', '#/events?hours=720'],
    ['lineage', '#/events/lineage/JAG.1'],
    ['unknown', '#/nowhere'],
  ];
}
const kEmptyViews = [['empty-servers', '#/servers'], ['empty-authorization-servers', '#/authorization-servers'], ['empty-agents', '#/agents'], ['empty-connections', '#/connections'], ['empty-operations', '#/operations'], ['empty-events', '#/events']];

async function sweep(browser, mock, list) {
  // The fourth, dark and narrow, has the colours of one of these and the layout of another.
  for (const [scheme, width] of [['light', 1280], ['light', 360], ['dark', 1280]]) {
    const tab = await openPage(browser, mock.origin, { scheme, width, token: 'handed' });
    for (const [name, hash] of list) {
      await go(tab, hash);
      const label = `${name}-${scheme}-${width}`;
      await picture(tab, label);
      await inspect(tab, label);
      check((await tab.page.title()).endsWith(' · Agent registry'), `${label} has a title`);
      check(await tab.page.evaluate(() => globalThis.broken === undefined), `${label}: a name became markup`);
      noFaults(tab, label);
    }
    await tab.context.close();
  }
}

async function signIn(browser, mock) {
  const tab = await openPage(browser, mock.origin);
  await tab.page.goto(`${mock.origin}/console/#/agents`);
  await says(tab, 'It acts with your own rights');
  await picture(tab, 'sign-in-light-1280');
  await inspect(tab, 'sign-in');
  await press(tab, 'Sign in');
  await says(tab, 'Create an agent');
  check(tab.page.url().endsWith('/console/#/agents'), `the sign-in comes back to where it began: ${tab.page.url()}`);
  const stored = () => tab.page.evaluate(async () => [localStorage.length, sessionStorage.length, (await indexedDB.databases()).length, document.cookie]);
  equal(await stored(), [0, 0, 0, ''], 'nothing is stored in the browser');
  // A page that is loaded again gets a token by the session, without a question.
  await tab.page.reload();
  await says(tab, 'Create an agent');
  // A token that the registry no longer takes is replaced.
  for (const token of mock.tokens.keys()) if (token !== 'handed') mock.tokens.delete(token);
  tab.expected.push('/workload-principals/', '/resource-servers/');
  await follow(tab, 'MCP servers');
  await says(tab, 'Sales');
  // What the page asks for while it signs out gets no new token by the session, which is still there.
  let meanwhile;
  await tab.page.exposeFunction('tellMeanwhile', (what) => { meanwhile = what; });
  await tab.page.evaluate(() => {
    const plain = globalThis.fetch;
    globalThis.fetch = async (...request) => {
      if (String(request[0]).endsWith('/revoke')) {
        const { get } = await import('/console/api.js');
        await globalThis.tellMeanwhile(await get('/resource-servers/api/v1/mcp-servers').then(() => 'an answer', (error) => error.constructor.name));
      }
      return plain(...request);
    };
  });
  await press(tab, 'Sign out');
  await says(tab, 'It acts with your own rights');
  equal(meanwhile, 'SignInNeeded', 'a call while signing out');
  equal([...mock.tokens.keys()], ['handed'], 'signing out revokes the token');
  noFaults(tab, 'signing in and out');

  // What somebody else wrote into the address is not repeated.
  await tab.page.goto(`${mock.origin}/console/callback?error=${encodeURIComponent('Call 555 now')}&error_description=evil&state=x.${Buffer.from('https://evil.example').toString('base64url')}`);
  await settled(tab);
  await says(tab, 'The sign-in did not succeed.');
  check(!/555|evil/.test(await textOf(tab, 'body')), 'an error in the address is not repeated');
  check(tab.page.url().endsWith('/console/#/servers'), `a foreign route is not followed: ${tab.page.url()}`);
  await tab.context.close();
}

async function keyboard(browser, mock) {
  const tab = await openPage(browser, mock.origin, { token: 'handed' });
  const { page } = tab;
  await go(tab, '#/servers');
  await page.keyboard.press('Tab');
  equal(await focused(tab), 'a Skip to the content', 'the first stop is the skip link');
  await page.keyboard.press('Enter');
  equal(await focused(tab), 'h1 MCP servers', 'which leads to the heading');
  for (let turn = 0; turn < 40 && !(await focused(tab)).startsWith('a Sales'); turn += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await says(tab, 'Orders, customers and offers');
  equal(await focused(tab), 'h1 Sales', 'a new view has the focus at its heading');
  for (let turn = 0; turn < 40 && (await focused(tab)) !== 'button Deactivate'; turn += 1) await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await says(tab, 'Deactivate Sales?');
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => !document.querySelector('dialog'));
  // The question is over: what asked it has the focus again.
  equal(await focused(tab), 'button Deactivate', 'the focus goes back to what was pressed');

  await go(tab, '#/connections');
  const before = await page.$$eval('svg.graph a', (nodes) => nodes.length);
  check(before >= 10, `the graph's nodes are links (${before})`);
  await page.$eval('svg.graph a', (node) => node.focus());
  check((await page.$$eval('svg.graph .on', (nodes) => nodes.length)) >= 3, 'a node that has the focus shows its ways');
  await picture(tab, 'connections-focus-light-1280');

  // Paging keeps the focus in the list.
  await go(tab, '#/servers');
  await press(tab, 'Next page');
  await says(tab, 'Page 2');
  check((await focused(tab)).startsWith('div'), 'the next page has the focus');
  await press(tab, 'Previous page');
  await says(tab, 'Page 1');
  noFaults(tab, 'the keyboard');

  // A refusal names what is wrong, and has the focus.
  tab.expected.push('/mcp-servers');
  await go(tab, '#/servers/new');
  await page.type('input[name=resourceUrl]', 'http://plain.example.com/mcp');
  await press(tab, 'Register and look');
  await says(tab, 'resourceUrl must be an absolute https URL');
  await says(tab, 'INVALID_FORMAT');
  check((await focused(tab)).includes('Api validation failed'), 'the refusal has the focus');
  await picture(tab, 'refusal-light-1280');
  await inspect(tab, 'refusal');
  noFaults(tab, 'a refusal');

  // A private key that is pasted by mistake does not leave the page.
  const agent = first(mock.agents, (row) => row.agent.status === 'STAGED').agent.id;
  await go(tab, `#/agents/${agent}`);
  await press(tab, 'Add a key');
  await page.evaluate(() => document.querySelector('dialog input[value=own]').click());
  await page.type('dialog textarea', '{"kty":"EC","crv":"P-256","x":"a","y":"b","d":"secret"}');
  const asked = mock.requests.length;
  await press(tab, 'Add the key');
  await says(tab, 'This is a private key.');
  equal(mock.requests.length, asked, 'a private key is not sent');
  await picture(tab, 'private-key-light-1280');
  await page.keyboard.press('Escape');

  // An answer of 500 is told, and can be tried again.
  await page.setRequestInterception(true);
  const broken = (request) => (request.url().includes('/ai-agents') ? request.respond({ status: 500, contentType: 'application/json', body: '{"errorCode":"E0000009","errorSummary":"Internal Server Error","errorId":"oae9"}' }) : request.continue());
  page.on('request', broken);
  tab.expected.push('/ai-agents');
  await go(tab, '#/agents');
  await says(tab, 'Internal Server Error');
  await says(tab, 'error oae9');
  await picture(tab, 'error-light-1280');
  page.off('request', broken);
  await page.setRequestInterception(false);
  await press(tab, 'Try again');
  await says(tab, 'Sales helper');
  noFaults(tab, 'an answer of 500');
  await tab.context.close();
}

async function print(browser, mock) {
  const tab = await openPage(browser, mock.origin, { token: 'handed', width: 800 });
  await tab.page.emulateMediaType('print');
  await go(tab, `#/servers/${first(mock.servers, (row) => row.status === 'INVALID').id}`);
  await picture(tab, 'print-server');
  equal(await tab.page.$eval('header nav', (node) => getComputedStyle(node).display), 'none', 'the menu is not printed');
  await tab.context.close();
}

await judge(async () => {
  const browser = await openBrowser();
  const mock = await registry();
  await sweep(browser, mock, views(mock));
  await sweep(browser, await registry({ empty: true }), kEmptyViews);
  await signIn(browser, await registry());
  await keyboard(browser, await registry());
  await print(browser, mock);
  const fresh = await registry();
  const tab = await openPage(browser, fresh.origin, { token: 'handed' });
  await journey(tab, { resourceUrl: 'https://crm.example.com/mcp', failure: 'issuer mismatch', mend: async () => fresh.broken.clear() });
  check(fresh.events.some((event) => event.eventType === 'workload_principal.deactivate' && event.debugContext.debugData.tokensRevoked), 'the kill switch revokes when it is asked to');
  equal(fresh.rejected, [], 'no request of the journey was refused');
});
