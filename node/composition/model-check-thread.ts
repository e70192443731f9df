/** The thread of `model-check.ts`: one file, then it ends. */
import { parentPort, workerData } from "node:worker_threads";
import { checkFile } from "../../runtimes/store/index.ts";
import { contentTree } from "../blobs/index.ts";
import type { CheckAnswer, CheckTask } from "./model-check.ts";

const { path, name, look } = workerData as CheckTask;
const answer = (said: CheckAnswer, transfer: ArrayBuffer[] = []): void => parentPort?.postMessage(said, transfer); // prettier-ignore
try {
  const checked = checkFile(path, name, contentTree, look);
  answer({ type: "checked", checked }, [checked.leaves.buffer as ArrayBuffer]);
} catch (thrown) {
  const { code, message } = thrown as NodeJS.ErrnoException;
  answer({ type: "failed", message: message ?? String(thrown), ...(code !== undefined && { code }) });
}
