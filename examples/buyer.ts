// A buyer in TypeScript, with the official client: `node buyer.ts URL` (Node before 22.18: `npx tsx buyer.ts URL`).
// Needs `npm install @x402/fetch @x402/evm viem`; the wallet's key is in BUYER_KEY.
import { decodePaymentResponseHeader, wrapFetchWithPayment, x402Client } from "@x402/fetch";
import { registerExactEvmScheme } from "@x402/evm/exact/client";
import type { Hex } from "viem";
import { privateKeyToAccount } from "viem/accounts";

const [url] = process.argv.slice(2);
const key = process.env.BUYER_KEY as Hex | undefined;
if (!url || !key) throw new Error("say which URL to buy, and the wallet's key in BUYER_KEY");

const client = new x402Client();
registerExactEvmScheme(client, { signer: privateKeyToAccount(key) });
const answer: Response = await wrapFetchWithPayment(fetch, client)(url);
console.log(answer.status, (await answer.text()).split("\n")[0]);
const header = answer.headers.get("payment-response");
const receipt = header && decodePaymentResponseHeader(header);
if (receipt && receipt.success) console.log("paid in", receipt.transaction || "credit: nothing moved on chain");
