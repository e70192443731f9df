import { Link } from "@tanstack/react-router";
import type { ModelInfo } from "../../../../protocols/index.ts";
import { useModels } from "./lists.ts";
import { useRights } from "./rights.ts";

/** Why models cannot be used, under an answer that failed: for those who can do something about it. Others see nothing
 *  of it. */
export function ModelCause({ model = "" }: { readonly model?: string | undefined }) {
  const rights = useRights();
  const models = useModels();
  const failed = causesOf(models, model);
  if (!rights.may("cluster.see") || failed.length === 0) return null;
  return (
    <div className="model-cause">
      {failed.map((one) => (
        <p key={`${one.model} ${one.node ?? ""}`}>
          <bdi>{one.model}</bdi>
          {one.node !== undefined && (
            <>
              {" "}
              on <bdi>{one.node}</bdi>
            </>
          )}
          : <bdi>{one.reason}</bdi>
        </p>
      ))}
      <Link to="/admin/$page" params={{ page: "models" }}>
        Open the page of models
      </Link>
    </div>
  );
}

/** The models that failed and say why: the one that was asked, or all where that is not known. */
const causesOf = (models: readonly ModelInfo[], model: string): readonly ModelInfo[] =>
  models.filter((one) => one.state === "failed" && one.reason !== undefined && (model === "" || one.model === model));
