import { resolve } from "node:path";
import { examples, json } from "../terminal/options.ts";
import type { Define } from "./index.ts";

interface VerifyOptions {
  readonly key?: string;
  readonly fingerprint?: string;
  readonly json?: boolean;
}

/** `plexus verify-release`. */
export const define: Define = (command, { output, onExit }) => {
  command
    .argument(
      "[path]",
      "an archive with its .intoto.json beside it, or the folder of an installation (default: this one)",
    )
    .option("--key <file>", "the public key that must have signed it, PEM")
    .option("--fingerprint <hex>", "or the SHA-256 of that key")
    .addOption(json())
    .addHelpText(
      "after",
      "\nEach file and installed package is compared with the signed manifest of the release. Without --key or\n" +
        "--fingerprint, the key that came with the release is used: that finds damage, but not an attacker who " +
        "replaced\n" +
        "the key too.\n" +
        examples("plexus verify-release", "plexus verify-release plexus-0.1.0.tar.gz --key plexus-release.pem"),
    )
    .action(async (path: string | undefined, { key, fingerprint, json: asJson = false }: VerifyOptions) => {
      const { verifyRelease } = await import("../up/verify-release.ts");
      const at = path === undefined ? undefined : resolve(path);
      onExit(await verifyRelease({ path: at, key, fingerprint, json: asJson }, output));
    });
};
