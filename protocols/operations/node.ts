/** A node's own state. */
import type { NodeStatus } from "../wire/client.ts";
import { answer } from "../wire/command.ts";
import { reads } from "./operation.ts";

export const nodeOperations = {
  "node.status": reads({
    answer: answer<NodeStatus>("NodeStatus"),
    permission: "cluster.see",
    errors: [],
    summary: "The status of this node",
    tags: ["admin"],
  }),
};
