// A buyer in TypeScript's world, with the official client: node buyer.mjs URL; the key is in BUYER_KEY.
import { wrapFetchWithPayment, x402Client, decodePaymentResponseHeader } from "@x402/fetch";
import { registerExactEvmScheme } from "@x402/evm/exact/client";
import { privateKeyToAccount } from "viem/accounts";

const client = new x402Client();
registerExactEvmScheme(client, { signer: privateKeyToAccount(process.env.BUYER_KEY) });
const answer = await wrapFetchWithPayment(fetch, client)(process.argv[2]);
console.log(answer.status, (await answer.text()).split("\n")[0]);
const receipt = answer.headers.get("payment-response");
if (receipt) console.log("paid in", decodePaymentResponseHeader(receipt).transaction);
