// What the tool list costs a model's context, counted with OpenAI's o200k vocabulary.
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { check, judge, program, serverEnvironment } from './lib.mjs';

const kBudget = 4500;

await judge(async () => {
  // Without any setting the whole toolset is listed.
  const client = new Client({ name: 'tools-tokens-judge', version: '1' }, {});
  await client.connect(new StdioClientTransport({ command: program('okta-mcp-server'), args: ['serve'], env: serverEnvironment({}) }));
  const { tools } = await client.listTools();
  await client.close();

  const rows = tools
    .map((tool) => ({
      name: tool.name,
      tokens: encode(JSON.stringify({ name: tool.name, description: tool.description ?? '', input_schema: tool.inputSchema })).length,
    }))
    .sort((a, b) => b.tokens - a.tokens);
  const total = rows.reduce((sum, row) => sum + row.tokens, 0);
  const wire = JSON.stringify(tools);
  console.log(`${tools.length} tools: ${total} tokens of name, description and input schema; wire ${Buffer.byteLength(wire)} bytes, ${encode(wire).length} tokens`);
  for (const row of rows.slice(0, 10)) console.log(`${String(row.tokens).padStart(6)}  ${row.name}`);
  check(tools.length >= 30, `the whole toolset is listed, not ${tools.length} tools`);
  check(total <= kBudget, `${total} tokens are more than ${kBudget}`);
});
