import { Option } from "commander";
import type { HistoryRange } from "../../protocols/index.ts";
import { requestBys, requestOrders, type RequestBy, type RequestOrder } from "../../protocols/words/request-words.ts";
import { adminFlags, examples, wholeNumber, withAdminFlags, type AdminOptions } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface RequestOptions extends AdminOptions {
  readonly by: RequestBy;
  readonly range: HistoryRange;
  readonly order: RequestOrder;
  readonly limit: number;
  readonly node?: string;
  readonly like?: string;
}

/** `plexus requests`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(
    command
      .addOption(new Option("--by <what>", "a row for each of these").choices([...requestBys]).default("route"))
      .addOption(new Option("--range <time>", "how far back").choices(["hour", "day"]).default("hour"))
      .addOption(new Option("--order <what>", "the most of this first").choices([...requestOrders]).default("requests"))
      .option("--like <text>", "only rows whose name has this in it")
      .option("--node <name>", "only requests to this node")
      .option("--limit <number>", "at most this many", wholeNumber("The limit", 1, 200), 25),
  )
    .addHelpText(
      "after",
      examples(
        "plexus requests",
        "plexus requests --order p99 --range day",
        "plexus requests --by key --order limited",
        "plexus requests --by kind --node node-b",
      ),
    )
    .action(async ({ by, range, order, limit, node, like, ...options }: RequestOptions) => {
      const { showRequests } = await import("../watching/requests.ts");
      const choice = {
        by,
        range,
        order,
        limit,
        ...(node !== undefined && { node }),
        ...(like !== undefined && { text: like }),
      };
      onExit(await showRequests(await adminFlags(options), choice, output));
    });
};
