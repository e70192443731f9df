/** Loaded before a server (`--import`): tells its memory or processor time when asked over IPC. Changes nothing else. */
process.on("message", (request) => {
  if (request === "cpu") {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpu: user + system });
  } else if (request === "memory") {
    // Twice: what the first collection finds dead through weak references is freed by the second.
    globalThis.gc?.();
    setImmediate(() => {
      globalThis.gc?.();
      process.send?.({ memory: process.memoryUsage.rss() });
    });
  }
});
// A server that has nothing else to do may end.
process.channel?.unref();
