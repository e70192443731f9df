/** ONNX Runtime for tests: installed as people install it, by `plexus onnx install`, once. */
import type { Output } from "../cli/output.ts";
import { installOnnx } from "../cli/onnx.ts";
import { thisInstallation } from "../cli/npm.ts";

/** Installs it where it is missing. Returns why it cannot be. */
export async function needOnnx(): Promise<string | undefined> {
  const output = { print: () => undefined } as unknown as Output;
  // Without a network the tests are skipped, and soon.
  const environment = { ...process.env, npm_config_fetch_retries: "0", npm_config_fetch_timeout: "120000" };
  try {
    await installOnnx(output, { ...thisInstallation, environment });
    return undefined;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}
