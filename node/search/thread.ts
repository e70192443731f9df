/** The thread that has the index: SQLite waits for the disk where nobody else waits. */
import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../protocols/index.ts";
import { failedOf, IndexWorker, type Request } from "./worker.ts";

assert(parentPort !== null, "it is a thread");
const port = parentPort;
const worker = new IndexWorker((workerData as { readonly location: string }).location);

port.on("message", ([number, request]: [number, Request]) => {
  try {
    port.postMessage([number, worker.answer(request)]);
  } catch (error) {
    port.postMessage([number, undefined, failedOf(error)]);
  }
  if (request.type === "close") port.close();
});
