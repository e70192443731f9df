import { collect, data, etcdAddresses, examples, json, wholeNumber } from "../terminal/options.ts";
import type { Define } from "./index.ts";
import { upConfig, type UpOptions } from "./up.ts";

/** `plexus doctor`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .addOption(data())
    .option("--config <file>", "YAML file, as for `plexus up`")
    .option("--host <address>", "address to listen on")
    .option("--port <number>", "port", wholeNumber("The port"))
    .option("--model <path[,name]>", "GGUF file to check, repeatable", collect<string>)
    .option("--etcd <urls...>", "etcd's members to check", etcdAddresses)
    .option(
      "--security",
      "evaluate the checklist of security instead: installation, permissions, sign-up, transport, keys, disk",
    )
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "plexus doctor",
        "plexus doctor --data /srv/plexus",
        "plexus doctor --security",
        "plexus doctor --model m.gguf",
        "plexus doctor --etcd http://10.0.0.5:2379 http://10.0.0.6:2379",
      ),
    )
    .action(async (options: UpOptions & { readonly security?: boolean }) => {
      const { readSettings } = await import("../settings/settings.ts");
      const config = await readSettings(upConfig(options), options.config, process.env);
      if (options.security === true) {
        const { securityDoctor } = await import("../doctor/doctor-security.ts");
        return onExit(await securityDoctor(config, { json: options.json ?? false }, output));
      }
      const { doctor } = await import("../doctor/index.ts");
      onExit(await doctor(config, { json: options.json ?? false }, output));
    });
};
