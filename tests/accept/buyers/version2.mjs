// A buyer with the official TypeScript client as its readme sets it up, within its default spend limits.

import { parsePaymentRequired } from "@x402/core/schemas";
import { ExactEvmScheme } from "@x402/evm/exact/client";
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { privateKeyToAccount } from "viem/accounts";

import { serve } from "./wire.mjs";

await serve({
  wrap: (fetch, key) =>
    wrapFetchWithPayment(fetch, new x402Client().register("eip155:*", new ExactEvmScheme(privateKeyToAccount(key)))),

  // The client itself decodes the header and checks nothing.
  offered: async (answer) => {
    const header = Buffer.from(answer.headers.get("payment-required"), "base64").toString();
    const read = parsePaymentRequired(JSON.parse(header));
    if (!read.success) throw read.error;
  },

  receipt: (headers) =>
    headers.has("payment-response") ? decodePaymentResponseHeader(headers.get("payment-response")) : null,
});
