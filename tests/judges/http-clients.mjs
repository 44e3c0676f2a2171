// Clients by others against mcp-fixture-server over HTTP (and one of them over stdio too): the official TypeScript client
// in each of its modes, @ai-sdk/mcp (an implementation of its own), the official Inspector, and mcp-remote, the bridge
// that hosts use which speak stdio only.
import path from 'node:path';
import { createMCPClient } from '@ai-sdk/mcp';
import { Experimental_StdioMCPTransport as AiStdio } from '@ai-sdk/mcp/mcp-stdio';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { Client as LegacyClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as LegacyHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { check, equal, here, judge, program, scratch, show, textOf } from './lib.mjs';
import { finished, fixtureServer, kModern } from './http-lib.mjs';

const kSimple = 'This is a simple text response for testing.';
const kModes = { legacy: 'legacy', modern: { pin: kModern }, auto: 'auto' };

/** What every server feature answers to the official client in one of its modes. */
async function official(name, mode, url) {
  const client = new Client(
    { name: 'http-clients-judge', version: '1' },
    { capabilities: { elicitation: { form: {} }, sampling: {}, roots: { listChanged: true } }, versionNegotiation: { mode } },
  );
  let asked = 0;
  const answers = { name: 'Ada', ok: true, color: 'green', username: 'ada', email: 'ada@judge.example' };
  client.setRequestHandler('elicitation/create', async ({ params }) => {
    asked++;
    const wanted = Object.keys(params.requestedSchema.properties);
    return { action: 'accept', content: Object.fromEntries(wanted.map((key) => [key, answers[key]])) };
  });
  client.setRequestHandler('sampling/createMessage', async () => ({ role: 'assistant', model: 'm', content: { type: 'text', text: 'Paris' }, stopReason: 'endTurn' }));
  client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///srv', name: 'srv' }] }));
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  equal(client.getNegotiatedProtocolVersion(), name === 'legacy' ? '2025-11-25' : kModern, `${name}: revision`);

  const { tools } = await client.listTools();
  check(tools.length >= 20, `${name}: ${tools.length} tools`);
  equal(textOf(await client.callTool({ name: 'test_simple_text', arguments: {} })), kSimple, `${name}: a call`);
  equal((await client.callTool({ name: 'test_error_handling', arguments: {} })).isError, true, `${name}: a call that fails`);
  const unknown = await client.callTool({ name: 'no_such_tool', arguments: {} }).then((result) => show(result), (error) => error.code);
  equal(unknown, -32602, `${name}: an unknown tool`);

  const marks = [];
  await client.callTool({ name: 'test_tool_with_progress', arguments: {} }, { onprogress: ({ progress }) => marks.push(progress) });
  equal(marks, [0, 50, 100], `${name}: progress`);

  const greeted = await client.callTool({ name: 'test_input_required_result_elicitation', arguments: {} });
  equal([textOf(greeted), asked], ['Hello, Ada!', 1], `${name}: a question in the middle of a call`);
  const rounds = await client.callTool({ name: 'test_input_required_result_multi_round', arguments: {} });
  equal(textOf(rounds), 'Ada likes green', `${name}: two questions, one after the other`);
  const all = textOf(await client.callTool({ name: 'test_input_required_result_multiple_inputs', arguments: {} }));
  check(['Ada', 'Paris', 'file:///srv'].every((word) => all.includes(word)), `${name}: form, sampling and roots in one round: ${show(all)}`);

  const { resources } = await client.listResources();
  check(resources.some((resource) => resource.uri === 'test://static-text'), `${name}: resources: ${show(resources)}`);
  const { resourceTemplates } = await client.listResourceTemplates();
  equal(resourceTemplates.some((template) => template.uriTemplate === 'test://template/{id}/data'), true, `${name}: templates`);
  const read = await client.readResource({ uri: 'test://template/42/data' });
  check(read.contents[0]?.text?.includes('42'), `${name}: a resource read through its template: ${show(read)}`);
  const missing = await client.readResource({ uri: 'test://nothing-here' }).then((result) => show(result), (error) => error.code);
  equal(missing, -32602, `${name}: a resource that is not there, which the client makes of both eras' codes`);

  const prompt = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: { arg1: 'one', arg2: 'two' } });
  check(prompt.messages[0]?.content?.text?.includes("arg1='one', arg2='two'"), `${name}: a prompt: ${show(prompt)}`);
  const completed = await client.complete({ ref: { type: 'ref/prompt', name: 'test_prompt_with_arguments' }, argument: { name: 'arg1', value: 't' } });
  check(Array.isArray(completed.completion?.values), `${name}: completion: ${show(completed)}`);

  // Many at once, each with its own answer.
  const echoes = await Promise.all(Array.from({ length: 40 }, (_, i) => client.callTool({ name: 'echo', arguments: { message: `n${i}` } })));
  equal(echoes.map((echo) => textOf(echo)), echoes.map((_, i) => `n${i}`), `${name}: forty calls at once`);

  const stopper = new AbortController();
  const cut = client.callTool({ name: 'wait', arguments: {} }, { signal: stopper.signal }).then(() => 'answered', () => 'cut');
  setTimeout(() => stopper.abort(), 100);
  equal(await cut, 'cut', `${name}: a call that is called off`);
  equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'after' } })), 'after', `${name}: and the next one`);
  await client.close();
  console.log(`official client, ${name}: done`);
}

/** The package most hosts of the older revisions embed. */
async function official1(url) {
  const client = new LegacyClient({ name: 'http-clients-judge', version: '1' }, { capabilities: {} });
  const transport = new LegacyHttp(new URL(url));
  await client.connect(transport);
  check(/^[\x21-\x7e]+$/.test(transport.sessionId ?? ''), `sdk 1: a session: ${transport.sessionId}`);
  equal(textOf(await client.callTool({ name: 'test_simple_text', arguments: {} })), kSimple, 'sdk 1: a call');
  const lines = [];
  const { LoggingMessageNotificationSchema } = await import('@modelcontextprotocol/sdk/types.js');
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => lines.push(params.data));
  await client.setLoggingLevel('info');
  await client.callTool({ name: 'test_tool_with_logging', arguments: {} });
  equal(lines.length, 3, `sdk 1: log lines of a call: ${show(lines)}`);
  await transport.terminateSession();
  const after = await client.callTool({ name: 'test_simple_text', arguments: {} }).then(() => 'answered', () => 'refused');
  equal(after, 'refused', 'sdk 1: a call in a session that was ended');
  await client.close();
}

async function ai(name, transport) {
  const client = await createMCPClient({ transport });
  const tools = await client.tools();
  check(Object.keys(tools).length >= 20, `ai-sdk, ${name}: ${Object.keys(tools).length} tools`);
  const result = await tools.test_simple_text.execute({}, { toolCallId: '1', messages: [] });
  equal(textOf(result), kSimple, `ai-sdk, ${name}: a call`);
  const echoed = await tools.echo.execute({ message: 'häuser 家 🏠' }, { toolCallId: '2', messages: [] });
  equal(textOf(echoed), 'häuser 家 🏠', `ai-sdk, ${name}: text beyond ASCII`);
  const { resources } = await client.listResources();
  check(resources.some((resource) => resource.uri === 'test://static-text'), `ai-sdk, ${name}: resources`);
  const read = await client.readResource({ uri: 'test://static-text' });
  check(read.contents[0]?.text?.length > 0, `ai-sdk, ${name}: a resource`);
  await client.close();
  console.log(`@ai-sdk/mcp, ${name}: done`);
}

async function inspector(url) {
  const entry = path.join(here, 'node_modules/.bin/mcp-inspector');
  const inspect = (...args) => finished(process.execPath, [entry, '--cli', ...args, '--format', 'json'], { env: { MCP_INSPECTOR_SECRET_STORE: 'memory' } });
  for (const era of ['legacy', 'modern', 'auto']) {
    const over = [url, '--transport', 'http', '--protocol-era', era];
    const listed = await inspect(...over, '--method', 'tools/list', '--strict');
    equal(listed.code, 0, `inspector, ${era}: tools/list --strict: ${show(listed.out + listed.err)}`);
    for (const [method, args, word] of [
      ['tools/call', ['--tool-name', 'test_simple_text'], 'simple text'],
      ['resources/list', [], 'test://static-text'],
      ['resources/templates/list', [], 'test://template/{id}/data'],
      ['resources/read', ['--uri', 'test://static-text'], 'static text'],
      ['prompts/list', [], 'test_simple_prompt'],
      ['prompts/get', ['--prompt-name', 'test_prompt_with_arguments', '--prompt-args', 'arg1=a', 'arg2=b'], "arg1='a'"],
    ]) {
      const run = await inspect(...over, '--method', method, ...args);
      equal(run.code, 0, `inspector, ${era}: ${method}: ${show(run.out + run.err)}`);
      check(run.out.includes(word), `inspector, ${era}: ${method} says "${word}": ${show(run.out)}`);
    }
  }
  const load = await inspect(url, '--transport', 'http', '--method', 'tools/call', '--tool-name', 'test_simple_text', '--load', '--load-requests', '200', '--load-concurrency', '10');
  const figures = load.code === 0 ? JSON.parse(load.out).result : {};
  equal([figures.ok, figures.errors], [200, 0], `inspector: 200 calls, ten at a time: ${show(load.out + load.err)}`);
}

/** The bridge is spoken to over stdio, as a host would. */
async function bridge(url) {
  const home = scratch();
  const client = new Client({ name: 'http-clients-judge', version: '1' }, { versionNegotiation: { mode: 'legacy' } });
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args: [path.join(here, 'node_modules/mcp-remote/dist/proxy.js'), url, '--allow-http', '--transport', 'http-only'],
      env: { PATH: process.env.PATH, HOME: home, MCP_REMOTE_CONFIG_DIR: path.join(home, 'auth') },
      stderr: 'ignore',
    }),
  );
  equal(textOf(await client.callTool({ name: 'echo', arguments: { message: 'over the bridge' } })), 'over the bridge', 'mcp-remote: a call');
  const { resources } = await client.listResources();
  check(resources.some((resource) => resource.uri === 'test://static-text'), 'mcp-remote: resources');
  await client.close();
}

await judge(async () => {
  const { url, foreign } = await fixtureServer();
  for (const [name, mode] of Object.entries(kModes)) await official(name, mode, url);
  await official1(url);
  await ai('HTTP', { type: 'http', url });
  if (!foreign) await ai('stdio', new AiStdio({ command: program('mcp-fixture-server'), args: ['--stdio'] }));
  await inspector(url);
  await bridge(url);
});
