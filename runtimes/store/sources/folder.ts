/** A file, or a folder with the files of one model, on the node's own machine. It is copied: what is content must not
 *  change. */
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import { fileURLToPath } from "node:url";
import { failure, PlexusError } from "../../../protocols/index.ts";
import { isWelcome, partNames } from "../inspect.ts";
import { isPlainPath, nameFrom } from "../manifest.ts";
import type { OfferedFile, Source } from "./source.ts";

export const folder: Source = {
  name: "folder",
  form: "/PATH/TO/FILE.gguf",
  claims: (text) => isAbsolute(text) || text.startsWith("file://"),
  async resolve(text) {
    const path = text.startsWith("file://") ? fileURLToPath(text) : text;
    const about = await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new PlexusError(failure("NOT_FOUND", { path, reason: reasonOf(error, path) }), error);
    });
    const one = (file: string, size: number, under: string): OfferedFile => ({
      path: under,
      size,
      from: { via: "file", path: file },
    });
    const name = nameFrom(basename(path));
    const partAt = async (part: string): Promise<OfferedFile> => {
      const file = join(dirname(path), part);
      const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
        throw new PlexusError(failure("NOT_FOUND", { path: file, reason: reasonOf(error, file) }), error);
      });
      return one(file, found.size, part);
    };
    if (about.isFile()) {
      const parts = partNames(basename(path));
      if (parts.length > 1) return { name, accepted: "operator", files: await Promise.all(parts.map(partAt)) };
      const given = basename(path)
        .replaceAll(/[^\w.-]+/g, "-")
        .replace(/^[^\w]+/, "");
      return { name, accepted: "operator", files: [one(path, about.size, given || "model")] };
    }
    if (!about.isDirectory())
      throw new PlexusError(failure("BAD_REQUEST", { field: "source", reason: "it is neither a file nor a folder" }));
    const entries = await readdir(path, { withFileTypes: true, recursive: true });
    const files: OfferedFile[] = [];
    for (const entry of entries) {
      const inside = join(entry.parentPath, entry.name);
      const under = inside.slice(path.replace(/\/+$/, "").length + 1);
      if (entry.isFile() && isPlainPath(under) && isWelcome(under))
        files.push(one(inside, (await stat(inside)).size, under));
    }
    return { name, accepted: "operator", files: files.sort((first, other) => (first.path < other.path ? -1 : 1)) };
  },
};

const reasonOf = ({ code, message }: NodeJS.ErrnoException, path: string): string => {
  if (code === "ENOENT" || code === "ENOTDIR") return `the machine of this node has no ${path}`;
  if (code === "EACCES") return `the node may not read ${path}`;
  return code ?? message;
};
