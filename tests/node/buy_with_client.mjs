// The official TypeScript client of both eras, `@modelcontextprotocol/client`, buys something.
//
// usage: buy_with_client.mjs MCP_URL STRIPE_BASE_URL SECRET_KEY ADDRESS_AS_JSON [MODE]
//
// MODE is how it negotiates the revision, `auto` or `legacy`; without it, it does as it does by itself. Prints what it
// bought as JSON; any surprise is an uncaught exception.

import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

import { buy, task } from "./shopper.mjs";

const asked = task();
const [mode] = asked.more;
const options = mode === undefined ? {} : { versionNegotiation: { mode } };
const client = new Client({ name: "buy-with-client", version: "1.0.0" }, options);
await client.connect(new StreamableHTTPClientTransport(asked.endpoint));
const bought = await buy(client, asked);
const protocol = client.getNegotiatedProtocolVersion();
await client.close();
console.log(JSON.stringify({ protocol, ...bought }));
