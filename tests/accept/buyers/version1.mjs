// A buyer with the last client of protocol version 1, which is still what many have installed.

import { SettleResponseSchema } from "x402/types";
import { createSigner, decodeXPaymentResponse, wrapFetchWithPayment } from "x402-fetch";

import { serve } from "./wire.mjs";

await serve({
  wrap: async (fetch, key) => wrapFetchWithPayment(fetch, await createSigner("base-sepolia", key)),

  // The client parses every entry of the offer itself.
  offered: async () => {},

  // The schema knows no settlement without a transaction, though the specification does.
  receipt: (headers) => {
    if (!headers.has("x-payment-response")) return null;
    const receipt = decodeXPaymentResponse(headers.get("x-payment-response"));
    return receipt.transaction === "" ? receipt : SettleResponseSchema.strict().parse(receipt);
  },
});
