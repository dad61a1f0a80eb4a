// The official Express middleware in front of a handler in the same process: it has no proxying to do.
import express from "express";
import { paymentMiddleware, x402ResourceServer } from "@x402/express";
import { HTTPFacilitatorClient } from "@x402/core/server";
import { ExactEvmScheme } from "@x402/evm/exact/server";

const [port, facilitator, network, payTo, answer] = process.argv.slice(2);
const app = express();
const server = new x402ResourceServer(new HTTPFacilitatorClient({ url: facilitator })).register(network, new ExactEvmScheme());
app.use(paymentMiddleware({ "POST /paid": { accepts: { scheme: "exact", payTo, price: "$0.001", network } } }, server));
app.post("/paid", (_, response) => response.type("application/json").send(answer));
app.listen(Number(port), "127.0.0.1");
