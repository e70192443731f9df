/** The thread of `file-checks.ts`: one file, then it ends. */
import { parentPort, workerData } from "node:worker_threads";
import { checkFile, inspectBeginning } from "../../../runtimes/store/index.ts";
import { contentTree } from "../../bulk/blobs/tree.ts";
import type { CheckAnswer, CheckTask } from "./file-checks.ts";

const { path, name, look, beginningOf } = workerData as CheckTask;
const answer = (said: CheckAnswer, transfer: ArrayBuffer[] = []): void => parentPort?.postMessage(said, transfer);
try {
  if (beginningOf === undefined) {
    const checked = checkFile(path, name, contentTree, look);
    answer({ type: "checked", checked }, [checked.leaves.buffer as ArrayBuffer]);
  } else answer({ type: "begun", found: inspectBeginning(path, name, beginningOf.total) });
} catch (thrown) {
  const { code, message } = thrown as NodeJS.ErrnoException;
  answer({ type: "failed", message: message ?? String(thrown), ...(code !== undefined && { code }) });
}
