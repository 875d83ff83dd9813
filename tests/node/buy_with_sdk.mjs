// The official TypeScript SDK of the legacy era, `@modelcontextprotocol/sdk`, buys something.
//
// usage: buy_with_sdk.mjs MCP_URL STRIPE_BASE_URL SECRET_KEY ADDRESS_AS_JSON
//
// Prints what it bought as JSON; any surprise is an uncaught exception.

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

import { buy, task } from "./shopper.mjs";

const asked = task();
const transport = new StreamableHTTPClientTransport(asked.endpoint);
const client = new Client({ name: "buy-with-sdk", version: "1.0.0" });
await client.connect(transport);
await client.ping();
const bought = await buy(client, asked);
await client.close();
console.log(JSON.stringify({ protocol: transport.protocolVersion, ...bought }));
