/** The child's side of a target: answers the calls of the benchmark over the IPC channel of the process. */

/** What a target can be told to do, by name. */
// oxlint-disable-next-line typescript/no-explicit-any -- the two sides of one file agree on the arguments
export type Calls = Readonly<Record<string, (args: any) => unknown>>;

/** Serves until the benchmark lets go of the channel. */
export function serve(calls: Calls): void {
  process.on("message", (request: { id: number; call: string; args: unknown }) => {
    void (async () => {
      try {
        process.send?.({ id: request.id, result: await calls[request.call]?.(request.args) });
      } catch (error) {
        process.send?.({ id: request.id, error: error instanceof Error ? error.stack : String(error) });
      }
    })();
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.({ id: 0 });
}
