// A headless Chromium that watches the console: what it logs, what its policy stops, what axe finds.
import fs from 'node:fs';
import path from 'node:path';
import puppeteer from 'puppeteer-core';

import { check, cleanup, scratch, show, skip, until } from '../lib.mjs';

const kAxe = fs.readFileSync(path.resolve(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8');
export const pictures = process.env.PICTURES_DIR ?? path.resolve(import.meta.dirname, '../../../build/console-pictures');

/** Debian's Chromium, or CHROMIUM's. */
function chromium() {
  const found = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((file) => file && fs.existsSync(file));
  if (found) return found;
  if (process.env.CI === 'true') throw new Error('Chromium is missing; run scripts/install test.');
  return skip('Chromium is not installed (scripts/install test)');
}

export async function openBrowser() {
  const browser = await puppeteer.launch({
    executablePath: chromium(),
    headless: true,
    userDataDir: scratch(),
    // Containers run tests as root, where Chromium's own sandbox cannot be set up; what it opens is ours.
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb', '--lang=en-GB', '--hide-scrollbars'],
  });
  cleanup(() => browser.close());
  return browser;
}

/**
 * A page of its own context. `faults` are what a person would call broken: errors on the console, exceptions, stopped
 * by the policy, requests to elsewhere. Answers with an error status that the test provokes are named in `expected`.
 */
export async function openPage(browser, origin, { width = 1280, height = 900, scheme = 'light', token } = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const faults = [];
  const expected = [];
  await page.setViewport({ width, height });
  await page.emulateTimezone('Europe/Berlin');
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
  // Machines that do much else at once are slow, which is no fault of the console's.
  page.setDefaultTimeout(45_000);
  page.setDefaultNavigationTimeout(60_000);
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (!['error', 'warn'].includes(message.type())) return;
    const text = message.text();
    if (/Failed to load resource/.test(text) && expected.some((part) => message.location().url?.includes(part))) return;
    faults.push(`console: ${text} (${message.location().url ?? ''})`);
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(origin) && !/^(data|blob):/.test(url)) faults.push(`request to ${url}`);
  });
  await page.evaluateOnNewDocument((handed) => {
    if (handed) globalThis.oktaRegistryConsoleToken = handed;
    addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective} stopped ${event.blockedURI} ${event.sample}`));
  }, token);
  return { page, faults, expected, origin, context };
}

/** Waits for the view at `hash` to be there. */
export async function go(tab, hash) {
  const { page, origin } = tab;
  const target = `${origin}/console/${hash}`;
  if (page.url().startsWith(`${origin}/console/`)) await page.evaluate((to) => { document.querySelector('main').replaceChildren(); location.hash = to; }, hash);
  else await page.goto(target);
  await settled(tab);
}

/** The view is drawn, and nothing of it is still loading. */
export async function settled(tab) {
  await tab.page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('main .loading:not([hidden])'), { polling: 50 });
}

export async function picture(tab, name) {
  // A dialog lies over what is seen of the page, not over the whole of it.
  const full = !(await tab.page.$('dialog[open]'));
  fs.mkdirSync(pictures, { recursive: true });
  await tab.page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: full });
}

/** axe's serious and critical findings fail; so does a page that scrolls sideways. */
export async function inspect(tab, name) {
  const { page } = tab;
  await page.evaluate(kAxe);
  const findings = await page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });
    return violations.map(({ id, impact, help, nodes }) => ({ id, impact, help, nodes: nodes.slice(0, 3).map((node) => `${node.html.slice(0, 160)} ${node.failureSummary?.replace(/\s+/g, ' ').slice(0, 200)}`) }));
  });
  const grave = findings.filter(({ impact }) => ['serious', 'critical'].includes(impact));
  check(grave.length === 0, `${name}: axe finds ${show(grave)}`);
  for (const finding of findings.filter((one) => !grave.includes(one))) console.log(`${name}: axe notes ${show(finding)}`);
  const sideways = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return '';
    const out = [...document.querySelectorAll('main *, header *')].filter((node) => node.getBoundingClientRect().right > width + 1 && !node.closest('.graph-frame, .table-frame, pre'));
    return `${document.documentElement.scrollWidth} px wide in ${width}: ${out.slice(0, 3).map((node) => node.outerHTML.slice(0, 120)).join(' | ')}`;
  });
  check(sideways === '', `${name} scrolls sideways: ${sideways}`);
}

/** Fails for whatever went wrong since the last time. */
export function noFaults(tab, name) {
  check(tab.faults.length === 0, `${name}: ${show(tab.faults)}`);
  tab.faults.length = 0;
}

// What a person would do, by the names that are announced.
const named = (role, name) => `::-p-aria([name="${name.replace(/"/g, '\\"')}"][role="${role}"])`;
export const click = (tab, role, name) => tab.page.locator(named(role, name)).click();
export const press = (tab, name) => click(tab, 'button', name);
export const follow = (tab, name) => click(tab, 'link', name);

export async function type(tab, label, text) {
  await tab.page.evaluate((wanted, value) => {
    const all = [...document.querySelectorAll('dialog[open] label, main label')];
    const found = all.find((one) => one.textContent.replace(/ \(optional\)$/, '') === wanted);
    if (!found) throw new Error(`no field ${wanted}`);
    const control = document.getElementById(found.htmlFor);
    control.focus();
    if (control.tagName === 'SELECT') {
      const option = [...control.options].find((one) => one.value === value || one.textContent.includes(value));
      if (!option) throw new Error(`${wanted} has no choice ${value}`);
      control.value = option.value;
      control.dispatchEvent(new Event('change', { bubbles: true }));
    } else {
      control.select();
    }
  }, label, text);
  const isSelect = await tab.page.evaluate(() => document.activeElement.tagName === 'SELECT');
  if (isSelect) return;
  await tab.page.keyboard.press('Delete');
  await tab.page.keyboard.type(text);
}

export const textOf = (tab, selector = 'main') => tab.page.$eval(selector, (node) => node.innerText);

/** Waits until the page says so. */
export async function says(tab, text, what = text) {
  const there = await until(async () => (await textOf(tab, 'body').catch(() => '')).includes(text), what, 45).catch(() => false);
  if (!there) console.log(`the page says: ${show(await textOf(tab, 'body'))}`);
  return check(there, `the page says "${what}"`);
}

export const focused = (tab) => tab.page.evaluate(() => {
  const node = document.activeElement;
  return `${node.tagName.toLowerCase()}${node.id ? `#${node.id}` : ''} ${(node.getAttribute('aria-label') ?? node.textContent).trim().slice(0, 60)}`;
});
