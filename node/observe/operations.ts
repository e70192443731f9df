/** What the operations on logs, traces and figures do. */
import type { HandlersOf, observeOperations } from "../../protocols/index.ts";
import type { ObserveControl } from "../ports/index.ts";

/** The handlers. */
export const handleObserve = (control: ObserveControl): HandlersOf<typeof observeOperations> => ({
  "logs.list": (query) => control.logs(query),
  "traces.list": (query) => control.traces(query),
  "traces.show": ({ id }) => control.trace(id),
  "metrics.history": (query) => control.history(query),
  "requests.list": (query) => control.requests(query),
});
