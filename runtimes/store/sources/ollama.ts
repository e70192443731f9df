/** A model in a registry as Ollama's is: the distribution protocol of container registries.
 *
 *      GET /v2/<name>/manifests/<tag>      layers, each with media type, size and SHA-256
 *      GET /v2/<name>/blobs/sha256:<hex>   the bytes of one
 *
 *  Of the layers only the weights are a file here; the licence is shown. A layer with an adapter or a projector beside
 *  them is refused: the weights alone would be another model than the name says. Source:
 *  https://distribution.github.io/distribution/spec/api/ and the media types of Ollama's manifests. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import { jsonAt, sourceFailure, textAt } from "../http.ts";
import { storeLimits } from "../limits.ts";
import { nameFrom } from "../manifest.ts";
import { isInCloud, parseTag, registryOf, shortestOf, type OllamaName } from "../names.ts";
import type { Source } from "./source.ts";

interface Layer {
  readonly type: string;
  readonly sha256: string;
  readonly size: number;
}

const layerType = (name: string): string => `application/vnd.ollama.image.${name}`;

function layersOf(value: unknown): readonly Layer[] {
  const { layers } = (value ?? {}) as { readonly layers?: unknown };
  return (Array.isArray(layers) ? (layers as readonly Readonly<Record<string, unknown>>[]) : []).flatMap((layer) => {
    const { mediaType, digest, size } = layer;
    const [, sha256] = /^sha256:([0-9a-f]{64})$/.exec(String(digest)) ?? [];
    const isOne =
      typeof mediaType === "string" && sha256 !== undefined && Number.isSafeInteger(size) && Number(size) >= 0;
    return isOne ? [{ type: mediaType, sha256, size: size as number }] : [];
  });
}

export const ollama: Source = {
  name: "ollama",
  form: "ollama:[HOST/][OWNER/]NAME[:TAG]",
  claims: (text) => parseTag(text) !== undefined,
  async resolve(text, tools) {
    const name = parseTag(text) as OllamaName;
    if (isInCloud(text))
      throw new PlexusError(
        failure("MODEL_REFUSED", { reason: "it runs on Ollama's servers and has no weights: pull one without cloud" }),
      );
    const { namespace, model: title, tag } = name;
    const place = `${registryOf(name) ?? tools.places.ollama}/v2/${namespace}/${title}`;
    const accept = "application/vnd.docker.distribution.manifest.v2+json";
    const { value } = await jsonAt(`${place}/manifests/${tag}`, { ...tools, headers: { accept } });
    const layers = layersOf(value);
    const weights = layers.filter(({ type }) => type === layerType("model"));
    const [model] = weights;
    if (model === undefined) throw new PlexusError(sourceFailure(place, "its manifest names no weights"));
    const more = layers.find(({ type }) => [layerType("adapter"), layerType("projector")].includes(type));
    if (weights.length > 1 || more !== undefined)
      throw new PlexusError(
        failure("MODEL_REFUSED", {
          reason: "it consists of several files (adapters or projectors) that are not put together here",
        }),
      );
    const texts: string[] = [];
    for (const { type, sha256, size } of layers)
      if (type === layerType("license") && size <= storeLimits.aboutBytesMax)
        texts.push((await textAt(`${place}/blobs/sha256:${sha256}`, tools)).text);
    const licence = texts.join("\n\n").slice(0, storeLimits.licenceCharsMax);
    return {
      name: nameFrom(shortestOf(name).replace(/^http:\/\//, "")),
      ...(licence !== "" && {
        licence: { name: licence.trim().split("\n")[0]?.trim().slice(0, 100) ?? "", text: licence },
      }),
      files: [
        {
          path: "model.gguf",
          size: model.size,
          sha256: model.sha256,
          from: { via: "http", url: `${place}/blobs/sha256:${model.sha256}` },
        },
      ],
    };
  },
};
