/** A model that other nodes of the cluster have. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import { clusterForm } from "../names.ts";
import type { Source } from "./source.ts";

export const cluster: Source = {
  name: "cluster",
  form: "cluster:NAME",
  claims: (text) => clusterForm.test(text),
  async resolve(text, { peers }) {
    const name = clusterForm.exec(text)?.[1] ?? "";
    if (peers === undefined) throw new PlexusError(failure("NOT_FOUND", { model: name, reason: "this node is alone" }));
    const found = await peers.find(name);
    if (!found.ok) throw new PlexusError(found.error);
    const { model, nodes } = found.value;
    const { licence } = model.card;
    return {
      name,
      // The person who pulled it there has seen the licence.
      accepted: model.acceptedBy ?? "cluster",
      addedAtMs: model.addedAtMs,
      ...(licence !== undefined && { licence: { name: licence } }),
      files: model.files.map(({ path, size, digest, tree }) => ({
        path,
        size,
        sha256: digest,
        from: { via: "peers", nodes, tree },
      })),
    };
  },
};
