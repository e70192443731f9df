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
} from "../options.ts";
import type { Define } from "./index.ts";

const port = wholeNumber("A port", 1, 65_535);

/** `plexus endpoints`. */
export const define: Define = (command, { output, onExit }) => {
  const work = () => import("../endpoints.ts");
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
      .option("--key-env <variable>", "the variable that has the key on each node, ending in _API_KEY")
      .option("--key-file <name>", "the file in keys/ of each node's data folder that has the key")
      .option("--key-secret <name>", "the secret of the cluster that is the key; see plexus secrets");
  withAdminFlags(
    withKey(
      command
        .command("add")
        .description("Let the cluster use the models of a server, as NAME/MODEL.")
        .argument("<name>", "what it is to be called")
        .argument("[address]", "ADAPTER+URL, or ADAPTER+URL#MODEL for one model; without it, what was found by this name")
        .option("--context <tokens>", "context of one call", wholeNumber("The context", 64, 16_777_216))
        .option("--label <name=value>", "only nodes with this label ask it, repeatable", namedValue),
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
    .action(async (name: string, address: string | undefined, options: AdminOptions & KeyOptions & { readonly context?: number; readonly label?: readonly string[] }) => {
      const { keyEnv, keyFile, keySecret, context: contextTokens, label = [] } = options;
      const wish = { name, address, keyEnv, keyFile, keySecret, contextTokens, labels: labelsFrom(label) };
      onExit(await (await work()).addEndpoint(await adminFlags(options), wish, output));
    }); // prettier-ignore

  const add = adminCommands(command, onExit);
  add({
    name: "remove",
    says: "Use the models of a server no more. What it was is printed as the command that brings it back.",
    argument: ["<name>", "name of the endpoint"],
    examples: ["plexus endpoints remove box"],
    run: async (flags, _, name) => (await work()).removeEndpoint(flags, name, output),
  });
  add<AdminOptions & KeyOptions & { readonly model?: string; readonly speed: boolean }>({
    name: "test",
    says: "Try a server from the node: reachable, key, models, speed.",
    argument: ["<endpoint>", "its name, or ADAPTER+URL[#MODEL]"],
    examples: ["plexus endpoints test box", "plexus endpoints test openai+http://10.0.0.6:8000/v1 --no-speed"],
    more: (inner) =>
      withKey(
        inner
          .option("--model <model>", "the model that is asked; by default the first that writes")
          .option("--no-speed", "generate nothing: a provider may charge for it"),
      ),
    run: async (flags, { model, speed, keyEnv, keyFile, keySecret }, endpoint) =>
      (await work()).testEndpoint(flags, { endpoint, model, speed, keyEnv, keyFile, keySecret }, output),
  });
  withAdminFlags(
    command
      .command("find")
      .description("Look for servers with models: in a private range, or by the ways of the node's configuration.")
      .argument("[range]", "192.168.1.0/24 or 10.0.0.5; without it mDNS, DNS and Consul, as configured")
      .option("--port <port>", "only this port, repeatable", (text, before: readonly number[] | undefined) =>
        collect(port(text), before),
      ),
  )
    .addHelpText("after", examples("plexus endpoints find", "plexus endpoints find 192.168.1.0/24 --port 11434"))
    .action(async (range: string | undefined, options: AdminOptions & { readonly port?: readonly number[] }) => {
      const wish = { range, ports: options.port ?? [] };
      onExit(await (await work()).findEndpoints(await adminFlags(options), wish, output));
    });
};

interface KeyOptions {
  readonly keyEnv?: string;
  readonly keyFile?: string;
  readonly keySecret?: string;
}
