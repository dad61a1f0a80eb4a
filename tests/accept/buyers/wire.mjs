// What every buyer here does around its client: each line it is told is one call, and it prints one about it.
//
// A line told has url, key, method and body. The one printed has status, headers, body, statuses (all that were
// answered), payments (all that were sent, as they stood on the wire), receipt (as the client's own decoder reads
// it) and error (why the client would not buy).

import { createInterface } from "node:readline";

const PAYMENT_HEADERS = ["payment-signature", "x-payment"];
const TIMEOUT_MS = 60_000;

/** Gives a fetch that keeps what leaves and what comes back, under whatever the client puts on top. */
function watched(seen, offered) {
  return async (input, init) => {
    const request = new Request(input, init);
    for (const header of PAYMENT_HEADERS) {
      if (request.headers.has(header)) seen.payments.push({ header, value: request.headers.get(header) });
    }
    const answer = await fetch(request, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    seen.statuses.push(answer.status);
    if (answer.status === 402) await offered(answer.clone());
    return answer;
  };
}

async function bought(client, { url, key, method, body }) {
  const line = { status: 0, headers: {}, body: "", statuses: [], payments: [], receipt: null, error: "" };
  try {
    const paying = await client.wrap(watched(line, client.offered), key);
    const headers = { "content-type": "application/json" };
    const answer = await paying(url, body === null ? { method } : { method, body, headers });
    line.status = answer.status;
    line.headers = Object.fromEntries(answer.headers);
    line.receipt = client.receipt(answer.headers);
    line.body = await answer.text();
  } catch (problem) {
    line.error = String(problem);
  }
  return line;
}

/**
 * Makes the calls it is told on standard input. `client` has `wrap(fetch, key)`, which gives the paying fetch;
 * `offered(answer)`, which throws if a 402 is not as the client's own schema has it; and `receipt(headers)`.
 */
export async function serve(client) {
  for await (const told of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await bought(client, JSON.parse(told))) + "\n");
  }
}
