/** A repository of models as Hugging Face serves them, or a mirror of it.
 *
 *      GET /api/models/<repo>/revision/<revision>           the commit, and the licence
 *      GET /api/models/<repo>/tree/<commit>?recursive=true  the files with sizes; SHA-256 of the large ones. Goes on by
 *                                                           Link: rel="next"
 *      GET /<repo>/resolve/<commit>/<path>                  a file
 *
 *  Source: https://huggingface.co/docs/hub/api */
import { failure, failureOf, PlexusError } from "../../../protocols/index.ts";
import { isWelcome, partNames } from "../inspect.ts";
import { jsonAt, redirectTo, sourceFailure } from "../http.ts";
import { storeLimits } from "../limits.ts";
import { isPlainPath, nameFrom } from "../manifest.ts";
import { asQuantisation, parseRepository, type Repository } from "../names.ts";
import type { Licence, OfferedModel, Source, SourceTools } from "./source.ts";

interface TreeFile {
  readonly path: string;
  readonly size: number;
  readonly sha256: string | undefined;
}

/** When none is named: small enough for most machines, and good. */
const preferred = ["Q4_K_M", "Q4_K_S", "Q4_0", "Q5_K_M", "Q8_0", "TQ2_0"];

/** The files of one model among those of a repository. Pure. */
export function chooseFiles(
  all: readonly TreeFile[],
  asked: Pick<Repository, "path" | "quantisation">,
): readonly TreeFile[] {
  const { path, quantisation } = asked;
  // Of a split model one part is asked for, and all are needed.
  const wanted = new Set(path === undefined ? [] : partNames(path));
  const under =
    path === undefined ? all : all.filter((file) => wanted.has(file.path) || file.path.startsWith(`${path}/`));
  const files = under.filter((file) => isPlainPath(within(path, file.path)) && isWelcome(file.path));
  const ggufs = files.filter(
    (file) => /\.gguf$/i.test(file.path) && (path !== undefined || !/mmproj/i.test(file.path)),
  );
  if (ggufs.length > 0) {
    const named = (words: string) => {
      // Files are called `F16` by llama.cpp and `fp16` by others.
      const spelt = escape(words).replace(/^fp?(?=16$|32$)/i, "fp?");
      return ggufs.filter((file) => new RegExp(`(?:^|[-._/])${spelt}(?:[-._/]|$)`, "i").test(file.path));
    };
    const stemOf = (file: TreeFile): string => file.path.replace(/-\d{5}-of-\d{5}\.gguf$/i, "").replace(/\.gguf$/i, "");
    const candidates =
      quantisation === undefined
        ? (preferred.map(named).find((found) => found.length > 0) ?? ggufs)
        : named(quantisation);
    const [first] = candidates.toSorted((one, other) => (one.path < other.path ? -1 : 1));
    return first === undefined ? [] : candidates.filter((file) => stemOf(file) === stemOf(first));
  }
  const graphs = graphsOf(
    files.filter((file) => /\.onnx$/i.test(file.path)),
    quantisation,
  );
  if (graphs.length === 0) return [];
  // Settings and vocabulary, and the graphs' own tensors.
  return files.filter(
    (file) =>
      graphs.includes(file) ||
      graphs.some(({ path: graph }) => file.path.startsWith(`${graph}_data`)) ||
      /\.(?:json|txt|model|jinja)$/i.test(file.path),
  );
}

/** Where a file is in the folder that is asked for: the folders above it are nobody's here. */
const within = (folder: string | undefined, path: string): string =>
  folder !== undefined && path.startsWith(`${folder}/`) ? path.slice(folder.length + 1) : path;

/** The halves that a model is in, where it is not one graph. */
const halves = [
  ["encoder_model", "decoder_model_merged"],
  ["encoder_model", "decoder_model"],
  ["text_model", "vision_model"],
];

/** The graphs of one ONNX model: its halves, or the one. Pure. */
function graphsOf(graphs: readonly TreeFile[], quantisation: string | undefined): readonly TreeFile[] {
  const ending = `${quantisation === undefined ? "" : `_${quantisation.toLowerCase()}`}.onnx`;
  const named = (name: string) =>
    graphs.find(({ path }) => path === name + ending || path.endsWith(`/${name}${ending}`));
  for (const names of halves) {
    const found = names.map(named).filter((one) => one !== undefined);
    if (found.length === names.length) return found;
  }
  const one = named("model") ?? (quantisation === undefined ? graphs[0] : undefined);
  return one === undefined ? [] : [one];
}

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

export const huggingFace: Source = {
  name: "hugging-face",
  form: "hf:OWNER/REPO[:QUANTISATION]",
  claims: (text) => parseRepository(text) !== undefined,
  async resolve(text, tools) {
    const place = tools.places.huggingFace;
    const secret = secretHeaders();
    const read = async (asked: Repository) => {
      const address = `${place}/api/models/${asked.repo}/revision/${encodeURIComponent(asked.revision)}`;
      return { asked, about: await jsonAt(address, { ...tools, ...(secret && { secret }) }) };
    };
    const quantised = asQuantisation(text);
    const { asked, about } = await read(parseRepository(text) as Repository).catch((error: unknown) => {
      // A revision of this name goes first: so it is read in sources that were pulled long ago.
      if (quantised === undefined || failureOf(error).code !== "NOT_FOUND") throw error;
      return read(quantised);
    });
    const { repo, path, quantisation } = asked;
    const { commit, licence } = readAbout(about.value, asked.revision);
    const all = await listTree(`${place}/api/models/${repo}/tree/${commit}?recursive=true`, tools, secret);
    const files = chooseFiles(all, asked);
    if (files.length === 0) {
      const there = all
        .map((file) => file.path)
        .filter((name) => /\.(?:gguf|onnx)$/i.test(name))
        .slice(0, 20);
      throw new PlexusError(
        failure("NOT_FOUND", { repository: repo, wanted: path ?? quantisation ?? "a GGUF or ONNX model", there }),
      );
    }
    const [, title = repo] = repo.split("/");
    const first = files[0] as TreeFile;
    const found: OfferedModel = {
      name: nameFrom(files.length === 1 ? (first.path.split("/").at(-1) ?? title) : title),
      ...(licence && { licence }),
      files: files.map((file) => ({
        // Of one folder only what is in it matters; ONNX models keep theirs.
        path: /\.gguf$/i.test(file.path) ? (file.path.split("/").at(-1) ?? file.path) : within(path, file.path),
        size: file.size,
        ...(file.sha256 !== undefined && { sha256: file.sha256 }),
        from: {
          via: "http",
          url: `${place}/${repo}/resolve/${commit}/${file.path.split("/").map(encodeURIComponent).join("/")}`,
          ...(secret && { secret }),
        },
      })),
    };
    return found;
  },
};

/** The key of the node's operator, for repositories that are not open. It goes to the place alone, and nowhere else. */
function secretHeaders(): Readonly<Record<string, string>> | undefined {
  const token = process.env["HF_TOKEN"];
  return token === undefined || !/^[\x21-\x7e]{1,512}$/.test(token) ? undefined : { authorization: `Bearer ${token}` };
}

function readAbout(value: unknown, revision: string): { readonly commit: string; readonly licence?: Licence } {
  const { sha, cardData, tags } = (value ?? {}) as Readonly<Record<string, unknown>>;
  const commit = typeof sha === "string" && /^[0-9a-f]{7,64}$/.test(sha) ? sha : revision;
  const card = (typeof cardData === "object" && cardData !== null ? cardData : {}) as Readonly<Record<string, unknown>>;
  const tag = (Array.isArray(tags) ? tags : []).find(
    (one): one is string => typeof one === "string" && one.startsWith("license:"),
  );
  const said = [card["license_name"], card["license"], tag?.slice("license:".length)];
  const name = said.find((one): one is string => typeof one === "string" && one !== "");
  const link = card["license_link"];
  if (name === undefined) return { commit };
  return {
    commit,
    licence: { name: name.slice(0, 200), ...(typeof link === "string" && { text: link.slice(0, 500) }) },
  };
}

async function listTree(
  address: string,
  tools: SourceTools,
  secret: Readonly<Record<string, string>> | undefined,
): Promise<readonly TreeFile[]> {
  const files: TreeFile[] = [];
  let next: string | undefined = address;
  for (let pages = 0; next !== undefined && pages < pagesMax; pages += 1) {
    const { value, headers }: Awaited<ReturnType<typeof jsonAt>> = await jsonAt(next, {
      ...tools,
      ...(secret && { secret }),
    });
    if (!Array.isArray(value)) throw new PlexusError(sourceFailure(next, "its list of files is none"));
    for (const entry of value as readonly Readonly<Record<string, unknown>>[]) {
      const { type, path, size, lfs } = entry;
      if (type !== "file" || typeof path !== "string" || typeof size !== "number") continue;
      const oid = (lfs as { oid?: unknown } | undefined)?.oid;
      files.push({ path, size, sha256: typeof oid === "string" && /^[0-9a-f]{64}$/.test(oid) ? oid : undefined });
    }
    const link = /<([^>]{1,2048})>;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
    const to: URL | string | undefined = link === undefined ? undefined : redirectTo(link, new URL(next));
    // The key must not follow to another place.
    next = to instanceof URL && to.origin === new URL(address).origin ? to.href : undefined;
  }
  return files;
}

const pagesMax = Math.ceil(storeLimits.onnxExternalsMax / 100);
