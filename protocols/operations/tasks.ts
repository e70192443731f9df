/** Long work. */
import { answer } from "../wire/command.ts";
import { taskParams, tasksQuery, type AdminTask, type AdminTasks } from "../admin/tasks.ts";
import { changes, fieldsOf, ofActors, ofCluster, ofLooks, ofOthers, reads } from "./operation.ts";

const tags = ["admin"];

export const taskOperations = {
  "tasks.list": reads({
    fields: tasksQuery,
    answer: answer<AdminTasks>("AdminTasks"),
    permission: "cluster.see",
    errors: ofLooks,
    summary:
      "What takes long, of all nodes: backups, pulls of models, drains, searches, long acts; those under way first",
    description: "`again` is the request that begins a task again. `silent`: nodes that did not say what they do.",
    tags,
  }),
  "tasks.show": reads({
    params: taskParams,
    answer: answer<AdminTask>("AdminTask"),
    permission: "cluster.see",
    errors: ofLooks,
    summary: "One task",
    tags,
  }),
  "tasks.cancel": changes({
    params: taskParams,
    answer: fieldsOf({}),
    permission: "cluster.see",
    errors: ["ALREADY_DONE", "SIGN_IN_AGAIN", ...ofOthers, ...ofActors, ...ofCluster],
    action: "cancelTask",
    facts: ({ id }) => ({ task: id }),
    remembers: ({ id }) => ({ task: id }),
    summary: "Ends a task as soon as it can; what was done of it stays",
    description: "Needs what beginning a task of its kind needs. Of a drain: the node takes its share again.",
    tags,
  }),
};
