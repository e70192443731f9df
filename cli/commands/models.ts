import { Option, type Command } from "commander";
import { modelOrderNames, modelOrders } from "../../protocols/engines/model-orders.ts";
import type { WantedModel } from "../../protocols/index.ts";
import { dataFolderOf } from "../settings/folders.ts";
import {
  adminCommands,
  adminFlags,
  data,
  examples,
  json,
  labelsFrom,
  namedValue,
  wholeNumber,
  withAdminFlags,
  type AdminOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

/** `plexus models`. */
export const define: Define = (command, { output, onExit }) => {
  withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus models",
        "plexus models suggest",
        "plexus models load qwen --node node-b",
        "plexus models pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M",
        "plexus models want qwen --source hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M --nodes 2 --label zone=a",
      ),
    )
    .action(async (options: AdminOptions) => {
      const { showModels } = await import("../models/models.ts");
      onExit(await showModels(await adminFlags(options), output));
    });

  const add = adminCommands(command, onExit);
  const name = ["<name>", "name of the model"] as const;
  const store = () => import("../models/model-store.ts");

  add({
    name: "list",
    says: "Show the models on the node's disk, and running downloads.",
    examples: ["plexus models list", "plexus models list --json"],
    run: async (flags) => (await store()).listModels(flags, output),
  });
  add<
    AdminOptions & {
      readonly name?: string;
      readonly digest?: string;
      readonly acceptLicence?: boolean;
      readonly wait: boolean;
    }
  >({
    name: "pull",
    says: "Download a model: hf:OWNER/REPO[:QUANTISATION], ollama:NAME[:TAG], cluster:NAME, a web address or a path.",
    argument: ["<source>", "where to get it"],
    examples: [
      "plexus models pull hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M --accept-licence",
      "plexus models pull https://example.org/model.gguf --name mine --digest SHA256",
      "plexus models pull cluster:qwen2.5-0.5b",
    ],
    more: (inner) =>
      inner
        .option("--name <name>", "its name here (default: its name at the source)")
        .option("--digest <sha256>", "the SHA-256 that the file must have")
        .option("--accept-licence", "accept its licence, which you have read")
        .option("--no-wait", "do not wait until it is done"),
    run: async (flags, { name: called, digest, acceptLicence, wait }, source) =>
      (await store()).pullModel(flags, { source, name: called, digest, acceptLicence, wait }, output),
  });
  add({
    name: "show",
    says: "Show a model's card: family, size, quantisation, context, licence, where it came from.",
    argument: name,
    examples: ["plexus models show qwen2.5-0.5b"],
    run: async (flags, _, model) => (await store()).showModel(flags, model, output),
  });
  add<AdminOptions & { readonly yes?: boolean }>({
    name: "remove",
    says: "Remove a model from the node's disk.",
    argument: name,
    examples: ["plexus models remove qwen2.5-0.5b --yes"],
    more: (inner) => inner.option("--yes", "do not ask"),
    run: async (flags, { yes = false }, model) => (await store()).removeModel(flags, { name: model, yes }, output),
  });
  add({
    name: "verify",
    says: "Check that a model's files are still as they were downloaded.",
    argument: name,
    examples: ["plexus models verify qwen2.5-0.5b"],
    run: async (flags, _, model) => (await store()).verifyModel(flags, model, output),
  });
  add<WantOptions>({
    name: "want",
    says: "Keep a model on nodes of the cluster; they download it by themselves.",
    argument: ["<name>", "its name here"],
    examples: [
      "plexus models want qwen --source hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M --nodes 2 --label zone=a " +
        "--accept-licence",
      "plexus models want own-model --source /srv/models/own.gguf --keep-stripes",
    ],
    more: (inner) =>
      inner
        .requiredOption("--source <source>", "where to get it")
        .option("--nodes <count>", "on how many nodes", wholeNumber("The number of nodes", 1, 64), 1)
        .option("--label <name=value>", "only nodes with this label, repeatable", namedValue)
        .option("--accept-licence", "accept its licence, which you have read")
        .option("--keep-stripes", "keep it on the storage nodes, too: it outlives the nodes that serve it"),
    run: async (flags, { nodes, label = [], acceptLicence = false, keepStripes = false, source = "" }, model) =>
      (await store()).wantModel(
        flags,
        { name: model, source, nodes, labels: labelsFrom(label), acceptLicence, ...keptBy(keepStripes) },
        output,
      ),
  });
  add({
    name: "unwant",
    says: "Stop keeping a model on nodes; nodes that have it keep it until you remove it there.",
    argument: name,
    examples: ["plexus models unwant qwen"],
    run: async (flags, _, model) => (await store()).unwantModel(flags, model, output),
  });
  for (const order of modelOrderNames)
    add<AdminOptions & { readonly node?: string; readonly drain?: boolean; readonly wait: boolean }>({
      name: order,
      says: modelOrders[order].says,
      argument: name,
      examples: [
        `plexus models ${order} qwen`,
        `plexus models ${order} qwen --node node-b${order === "unload" ? " --drain" : ""}`,
      ],
      more: (inner) => {
        inner.option("--node <node>", "name of the node (default: the one that is asked)");
        if (order === "unload") inner.option("--drain", "let running calls end first, instead of refusing");
        return inner.option("--no-wait", "do not wait until it is done");
      },
      run: async (flags, { node, drain = false, wait }, model) =>
        (await import("../models/models.ts")).orderModel(flags, { model, order, node, drain, wait }, output),
    });
  addLocal(command, {
    name: "convert",
    says: "Say whether a model file can be used as it is, and what to do if not.",
    argument: ["<file>", "a file of a model"],
    examples: ["plexus models convert ggml-model-i2_s.gguf"],
    run: async (path, { data: folder }) =>
      onExit(await (await store()).convertModel({ path, data: await dataFolderOf(folder, process.env) }, output)),
  });
  command
    .command("quantise")
    .description(
      "Make a smaller file of a model in F32, F16 or BF16. Needs no node; Ctrl-C ends it and leaves nothing.",
    )
    .argument("<file>", "a file of a model")
    .addOption(new Option("--to <weights>", "the format of the new weights").choices(["Q8_0", "Q4_0"]).default("Q8_0"))
    .option("--out <file>", "the new file (default: beside the old one)")
    .addOption(data())
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "plexus models quantise model-f16.gguf",
        "plexus models quantise model-f16.gguf --to Q4_0 --out small.gguf",
      ),
    )
    .action(
      async (
        path: string,
        {
          to,
          out,
          data: folder,
          json: asJson = false,
        }: LocalOptions & { readonly to: "Q8_0" | "Q4_0"; readonly out?: string },
      ) => {
        const { quantiseModel } = await import("../models/model-quantise.ts");
        onExit(
          await quantiseModel({ path, to, out, data: await dataFolderOf(folder, process.env), json: asJson }, output),
        );
      },
    );
  withAdminFlags(
    command
      .command("suggest")
      .description(
        "Show which models fit this machine, or a node's, how fast they would be, and the command to get one.",
      )
      .option("--no-measure", "do not measure the speed of the machine")
      .option("--node <node>", "for this node's machine (default: this machine; no node needs to run)"),
  )
    .addHelpText(
      "after",
      examples(
        "plexus models suggest",
        "plexus models suggest --no-measure --json",
        "plexus models suggest --node node-b",
      ),
    )
    .action(
      async ({ measure, node, ...options }: AdminOptions & { readonly measure: boolean; readonly node?: string }) => {
        const { suggest } = await import("../models/model-suggest.ts");
        const of = node === undefined ? {} : { of: { node, flags: await adminFlags(options) } };
        onExit(await suggest({ measure, json: options.json ?? false, ...of }, output));
      },
    );
};

interface LocalOptions {
  readonly data?: string;
  readonly json?: boolean;
}

/** A command that needs no node. */
function addLocal(
  parent: Command,
  row: {
    readonly name: string;
    readonly says: string;
    readonly argument: readonly [name: string, says: string];
    readonly examples: readonly string[];
    readonly run: (path: string, options: LocalOptions) => Promise<void>;
  },
): void {
  parent
    .command(row.name)
    .description(row.says)
    .argument(...row.argument)
    .addOption(data())
    .addOption(json())
    .addHelpText("after", examples(...row.examples))
    .action((path: string, options: LocalOptions) => row.run(path, options));
}

interface WantOptions extends AdminOptions {
  readonly nodes: number;
  readonly label?: readonly string[];
  readonly acceptLicence?: boolean;
  readonly keepStripes?: boolean;
  readonly source?: string;
}

/** Where a wanted model lies beside the nodes that serve it. */
const keptBy = (stripes: boolean): Pick<WantedModel, "keep"> => (stripes ? { keep: "stripes" } : {});
