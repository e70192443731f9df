import type { Command } from "commander";
import {
  adminCommands,
  adminFlags,
  collect,
  examples,
  labelsFrom,
  namedValue,
  wholeNumber,
  withAdminFlags,
  type AdminOptions,
} from "../terminal/options.ts";
import type { Define } from "./index.ts";

const port = wholeNumber("A port", 1, 65_535);

/** `plexus endpoints`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../models/endpoints.ts");
  withAdminFlags(command.enablePositionalOptions())
    .addHelpText(
      "after",
      examples(
        "plexus endpoints",
        "plexus endpoints add box ollama+http://10.0.0.5:11434",
        "plexus endpoints test box",
        "plexus endpoints find 192.168.1.0/24",
      ),
    )
    .action(async (options: AdminOptions) =>
      onExit(await (await work()).listEndpoints(await adminFlags(options), output)),
    );

  const withKey = (inner: Command): Command =>
    inner
      .option("--key-env <variable>", "the environment variable with the key on each node, ending in _API_KEY")
      .option("--key-file <name>", "the file with the key, in keys/ of each node's data folder")
      .option("--key-secret <name>", "the cluster's secret with the key; see plexus secrets");
  withAdminFlags(
    withKey(
      command
        .command("add")
        .description("Let the cluster use the models of a server, under the names NAME/MODEL.")
        .argument("<name>", "its name here")
        .argument(
          "[address]",
          "ADAPTER+URL, or ADAPTER+URL#MODEL for one model (default: the server found under this name)",
        )
        .option("--context <tokens>", "context of one call", wholeNumber("The context", 64, 16_777_216))
        .option("--label <name=value>", "only nodes with this label use it, repeatable", namedValue),
    ),
  )
    .addHelpText(
      "after",
      examples(
        "plexus endpoints add box ollama+http://10.0.0.5:11434",
        "plexus endpoints add gpt openai+https://api.openai.com/v1 --key-env OPENAI_API_KEY",
        "plexus endpoints add gpu-box                 # found by `plexus endpoints find`",
      ),
    )
    .action(
      async (
        name: string,
        address: string | undefined,
        options: AdminOptions & KeyOptions & { readonly context?: number; readonly label?: readonly string[] },
      ) => {
        const { keyEnv, keyFile, keySecret, context: contextTokens, label = [] } = options;
        const choice = { name, address, keyEnv, keyFile, keySecret, contextTokens, labels: labelsFrom(label) };
        onExit(await (await work()).addEndpoint(await adminFlags(options), choice, output));
      },
    );

  const add = adminCommands(command, onExit);
  add({
    name: "remove",
    says: "Stop using the models of a server. It prints the command that adds it again.",
    argument: ["<name>", "name of the endpoint"],
    examples: ["plexus endpoints remove box"],
    run: async (flags, _, name) => (await work()).removeEndpoint(flags, name, output),
  });
  add<AdminOptions & KeyOptions & { readonly model?: string; readonly speed: boolean }>({
    name: "test",
    says: "Test a server from the node: whether it answers, its key, models and speed.",
    argument: ["<endpoint>", "its name, or ADAPTER+URL[#MODEL]"],
    examples: ["plexus endpoints test box", "plexus endpoints test openai+http://10.0.0.6:8000/v1 --no-speed"],
    more: (inner) =>
      withKey(
        inner
          .option("--model <model>", "the model to test (default: the first that writes text)")
          .option("--no-speed", "generate nothing, because a provider may charge for it"),
      ),
    run: async (flags, { model, speed, keyEnv, keyFile, keySecret }, endpoint) =>
      (await work()).testEndpoint(flags, { endpoint, model, speed, keyEnv, keyFile, keySecret }, output),
  });
  withAdminFlags(
    command
      .command("find")
      .description(
        "Search for servers with models: in a range of private addresses, or in the ways set in the node's " +
          "configuration.",
      )
      .argument("[range]", "192.168.1.0/24 or 10.0.0.5 (default: mDNS, DNS and Consul, as configured)")
      .option("--port <port>", "only this port, repeatable", (text, before: readonly number[] | undefined) =>
        collect(port(text), before),
      ),
  )
    .addHelpText("after", examples("plexus endpoints find", "plexus endpoints find 192.168.1.0/24 --port 11434"))
    .action(async (range: string | undefined, options: AdminOptions & { readonly port?: readonly number[] }) => {
      const choice = { range, ports: options.port ?? [] };
      onExit(await (await work()).findEndpoints(await adminFlags(options), choice, output));
    });
};

interface KeyOptions {
  readonly keyEnv?: string;
  readonly keyFile?: string;
  readonly keySecret?: string;
}
