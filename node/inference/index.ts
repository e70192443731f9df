/** A call of a model, from the asker to the engine that answers. What stands between the two is ordered here and
 *  nowhere else: each is a wrapper of the engines below it.
 *
 *      an actor (kernel)                    a program (gateway)
 *           │  attachments: the bytes of what a message names, and its files (`files/`)
 *           └───────────────┬────────────────────┘
 *        usage, above       │  another model where a budget that is used up names one; what there is to tell of budgets
 *        routes             │  names that stand for several models; kept answers; each attempt is a call by itself
 *        usage, below       │  each attempt is reserved of budgets and quotas, and counted
 *        quality            │  how it ended, and how fast
 *        calls: able        │  without tools, where the model has none and the asker allows it
 *        calls              │  the node is chosen
 *             ┌─────────────┴─────────────┐
 *        this node's engines         a member's engines: nothing of the above stands between there
 *
 *  A scan of a file is no call of a model: it goes to `calls` at once, and a failure says what the cluster's policy is.
 *
 *  `usage` is one wrapper that has the routes inside: what a route asks of several models carries the call of which it
 *  is a part (`partOf`). Why each stands where it does: docs/decisions/0190-one-order-of-a-model-call.md. */
import type { Engines } from "../../runtimes/engine.ts";
import { withAttachments, type Calls, type ReadAttachment } from "./calls/index.ts";
import type { FileReading } from "./files/index.ts";
import type { Quality } from "./quality/index.ts";
import { routedEngines, type RoutedEngines, type RoutePorts } from "./routes/index.ts";
import type { Usage } from "./usage/index.ts";

/** The wrappers. */
interface ModelCallParts {
  readonly calls: Pick<Calls, "engines" | "room">;
  readonly quality: Pick<Quality, "watched">;
  readonly usage: Pick<Usage, "around">;
  readonly routes: Omit<RoutePorts, "room">;
  /** Absent: actors have nothing to show. */
  readonly attachment?: ReadAttachment;
  /** Files of rooms. */
  readonly files: FileReading;
  /** What stands before scans of files. */
  readonly scanning: (engine: Engines["scan"]) => Engines["scan"];
}

/** Where a call begins. */
export interface ModelCalls {
  /** For programs. */
  readonly engines: Engines;
  /** For actors. */
  readonly ofActors: Engines;
  /** What a route would do with a question. */
  readonly explainRoute: RoutedEngines["explain"];
}

/** Puts the wrappers around one another. */
export function orderModelCalls({
  calls,
  quality,
  usage,
  routes,
  attachment,
  files,
  scanning,
}: ModelCallParts): ModelCalls {
  const measured = quality.watched(calls.engines);
  const room: Calls["room"] = (...asked) => calls.room(...asked);
  const { engines: ofModels, routed } = usage.around(measured, (counted) =>
    routedEngines(counted, { ...routes, room }),
  );
  const engines: Engines = { ...ofModels, scan: scanning(calls.engines.scan) };
  return {
    engines,
    ofActors:
      attachment === undefined
        ? engines
        : withAttachments(engines, { attachment, files: (...asked) => files.shown(...asked) }),
    explainRoute: (...asked) => routed.explain(...asked),
  };
}
