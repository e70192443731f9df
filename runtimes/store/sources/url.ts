/** A file at a web address. Its size and the validator come with the answer. */
import { failure, PlexusError } from "../../../protocols/index.ts";
import { partNames } from "../inspect.ts";
import { nameFrom } from "../manifest.ts";
import type { Source } from "./source.ts";

export const url: Source = {
  name: "url",
  form: "https://HOST/PATH.gguf",
  claims: (text) => /^https?:\/\//i.test(text),
  async resolve(text) {
    const parsed = URL.parse(text);
    if (parsed === null || parsed.username !== "" || parsed.password !== "")
      throw new PlexusError(
        failure("BAD_REQUEST", { field: "source", reason: "it must be a web address without a password" }),
      );
    const file = decoded(/[^/]*$/.exec(parsed.pathname)?.[0] ?? "");
    const path = /\.(?:gguf|onnx)$/i.test(file) ? file.replaceAll(/[^\w.-]+/g, "-") : "model.gguf";
    const parts = partNames(path);
    if (parts.length === 1 || path !== file)
      return { name: nameFrom(file), files: [{ path, from: { via: "http", url: parsed.href } }] };
    // The other parts of a split model lie beside it.
    const at = (part: string): string => {
      const beside = new URL(parsed);
      beside.pathname = parsed.pathname.replace(/[^/]*$/, part);
      return beside.href;
    };
    return { name: nameFrom(file), files: parts.map((part) => ({ path: part, from: { via: "http", url: at(part) } })) };
  },
};

/** `%20` is a space; what is no text that way stays as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
