/** What a start checks before it touches anything. */
import { stat } from "node:fs/promises";
import type { Config } from "../../config/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { installation } from "./installation.ts";
import { describeRefusal } from "../terminal/output.ts";

/** Whether there is something at the path of each model that the configuration names: a node would say that it is
 *  ready, and answer nothing. Error: CONFIG_INVALID. */
export async function checkModels({ models, roles }: Pick<Config, "models" | "roles">): Promise<void> {
  if (!roles.includes("ai")) return;
  for (const [index, { name, path }] of models.entries()) {
    // The echo needs no file; of the one that comes with Plexus the node itself says what is wrong.
    if (path === undefined || name === "echo" || path === installation.modelPath) continue;
    const problem = await stat(path).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (problem === undefined) continue;
    const reason = describeRefusal(problem);
    const hint =
      "--model takes the path of a GGUF file or of the folder of an ONNX model. A model that was pulled is " +
      "served without the flag: " +
      "`plexus models list` names those, `plexus models pull` fetches one.";
    throw new PlexusError(
      {
        ...failure("CONFIG_INVALID", { field: `models.${index}.path`, value: path, reason, hint }),
        message: `The model ${name} cannot be read at ${path}: ${reason}.`,
      },
      problem,
    );
  }
}
