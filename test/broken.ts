/** What would have ended the process. */

/** Does something, and gives the broken invariants that came of it, be they caught or not. */
export async function brokenBy(work: () => unknown): Promise<readonly string[]> {
  const runner = process.listeners("uncaughtException");
  const heard: string[] = [];
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", ({ message }) => void heard.push(message));
  try {
    await work();
    await new Promise((resolve) => void setImmediate(resolve));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of runner) process.on("uncaughtException", listener);
  }
  return heard;
}
