/** Operations that may take long are in the list of tasks while they do. */
import {
  againOf,
  allOperations,
  type Asker,
  type ComposedHandlers,
  type Done,
  type NamedOperation,
  type Result,
} from "../../protocols/index.ts";
import type { TaskControl } from "../ports/index.ts";

type Handler = (input: object, asker: Asker) => Promise<Result<unknown> | Done<unknown>>;

/** The handlers, those of long operations with a place in the list of tasks: their rows say what they are. */
export function asTasks(
  handlers: Partial<ComposedHandlers>,
  follow: TaskControl["follow"],
  operations: readonly NamedOperation[] = allOperations,
): Partial<ComposedHandlers> {
  if (follow === undefined) return handlers;
  const long = operations.flatMap(({ name, row: { task } }) => {
    const handler = handlers[name as keyof ComposedHandlers] as Handler | undefined;
    if (task === undefined || handler === undefined) return [];
    const followed: Handler = async (input, asker) => {
      const work = Promise.resolve(handler(input, asker));
      const act = {
        what: task.what(input as never),
        by: asker.by,
        ...(task.again && { again: againOf(name as never, input as never) }),
        ...(task.result && { result: task.result }),
      };
      const settled = work.then((done) => ("result" in done ? done.result : done));
      void follow(act, settled);
      return work;
    };
    return [[name, followed] as const];
  });
  return { ...handlers, ...Object.fromEntries(long) };
}
