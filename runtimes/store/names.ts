/** How models are named: the texts of sources, and what Ollama's clients call a model, as Ollama reads it: which texts
 *  are names, and which names are of the same model. Pure, and apart from the sources, which fetch.
 *
 *      [http(s)://]HOST[:PORT]/NAMESPACE/MODEL[:TAG]      of a registry
 *                              NAMESPACE/MODEL[:TAG]      of Ollama's
 *                                        MODEL[:TAG]      of Ollama's library
 *
 *  What is missing is `registry.ollama.ai`, `library` and `latest`. Capital letters tell nothing apart. A digest behind
 *  the name (`@sha256:…`) makes no name of it: Ollama has taken that out. Source: https://github.com/ollama/ollama,
 *  types/model/name.go and internal/modelref/modelref.go */

/** The parts of a name. */
export interface OllamaName {
  readonly scheme: "http" | "https";
  /** With its port, if it says one. */
  readonly host: string;
  readonly namespace: string;
  readonly model: string;
  readonly tag: string;
}

const registry = "registry.ollama.ai";
const form =
  /^(?:(?:(?:(https?):\/\/)?(\w[\w.:-]{0,349})\/)?(\w[\w-]{0,79})\/)?(\w[\w.-]{0,79})(?::(\w[\w.-]{0,79}))?$/;
/** Other hosts of the same registry. */
const isRegistry = /^(?:www\.)?(?:registry\.)?ollama\.(?:ai|com)$/i;

/** Undefined: Ollama takes it for no name. */
export function parseOllamaName(text: string): OllamaName | undefined {
  const [isName, scheme = "https", host = registry, namespace = "library", model = "", tag = "latest"] =
    form.exec(text) ?? [];
  if (isName === undefined) return undefined;
  return {
    scheme: scheme === "http" ? "http" : "https",
    host: isRegistry.test(host) ? registry : host,
    namespace,
    model,
    tag,
  };
}

/** The name without what it would have anyway: the same text for each way to write it, but for capital letters. */
export function shortestOf({ scheme, host, namespace, model, tag }: OllamaName): string {
  const named = tag.toLowerCase() === "latest" ? model : `${model}:${tag}`;
  if (host !== registry) return `${scheme === "http" ? "http://" : ""}${host}/${namespace}/${named}`;
  return namespace.toLowerCase() === "library" ? named : `${namespace}/${named}`;
}

/** Where its registry is; undefined: where Ollama's is. */
export const registryOf = ({ scheme, host }: OllamaName): string | undefined =>
  host === registry ? undefined : `${scheme}://${host}`;

/** What clients write around a name: blanks, and `:local` for what is on this machine. */
export const plainName = (text: string): string => text.trim().replace(/:local$/i, "");

/** What somebody asks Hugging Face for. */
export interface Repository {
  readonly repo: string;
  readonly revision: string;
  /** A file, or a folder. */
  readonly path: string | undefined;
  readonly quantisation: string | undefined;
}

const repositoryForm =
  /^(?:hf:(?:\/\/)?|(?:https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/)([\w.-]+\/[\w.-]+?)(?:@(refs\/(?:pr|convert)\/[\w.-]+|[\w.-]+))?(?:\/(?!resolve\/|blob\/|tree\/)([^:]+))?(?::([\w.-]+))?$/i;
/** An address of a page or file of a repository, as a browser or `git` has it. */
const pageForm = new RegExp(
  String.raw`^(https?:\/\/)?(?:www\.)?(?:huggingface\.co|hf\.co)\/([\w.-]+\/[\w.-]+?)(?:\.git)?` +
    String.raw`(?:\/(tree|blob|resolve)\/(refs\/(?:pr|convert)\/[\w.-]+|[\w.-]+)(?:\/(.+))?)?$`,
  "i",
);

/** The same in the one form. The address of a file's bytes is a source of its own. */
function fromPage(text: string): string {
  // The revision of a change that is proposed has slashes, which some write as they go into an address.
  const plain = text.replaceAll(/%2f/gi, "/");
  const [address] = plain.split(/[?#]/, 1);
  const [, scheme, repo, kind, revision, path] = pageForm.exec(address!.replace(/(?<=[^/])\/$/, "")) ?? [];
  if (repo === undefined || (scheme !== undefined && kind === "resolve")) return plain;
  return `hf:${repo}${revision === undefined ? "" : `@${revision}`}${path === undefined ? "" : `/${path}`}`;
}

/** `hf:owner/repo[@revision][/path][:QUANTISATION]`; undefined: it has another form. */
export function parseRepository(text: string): Repository | undefined {
  const [, repo, revision = "main", path, quantisation] = repositoryForm.exec(fromPage(text)) ?? [];
  return repo === undefined ? undefined : { repo, revision, path, quantisation };
}

/** How the weights of a file are written, as LM Studio and llama.cpp name it. */
const isQuantisation = /^(?:UD-)?(?:I?Q[1-8](?:_[0-9a-z]+)*|TQ[12]_0|BF16|FP?(?:16|32)|MXFP4(?:_MOE)?|NVFP4)$/i;

/** What `OWNER/REPO@Q4_K_M` means where the repository has no revision of this name; undefined: it can be nothing
 *  else. The address of a page names a revision. */
export function asQuantisation(text: string): Repository | undefined {
  const asked = text.includes("@") ? parseRepository(text) : undefined;
  if (asked === undefined || asked.path !== undefined || asked.quantisation !== undefined) return undefined;
  if (!isQuantisation.test(asked.revision)) return undefined;
  return { ...asked, revision: "main", quantisation: asked.revision };
}

/** A file in a repository, as LM Studio's keys have it: `OWNER/REPO/FILE.gguf`. Of a registry it would be the model
 *  `FILE.gguf` at a host without a dot or a port. */
const fileForm = /^[\w-]+\/[\w.-]+\/[^:@]*[^:@/]\.gguf$/i;

/** What is named at Ollama's registry, or at one like it. */
const ollamaPrefix = /^ollama:(?:\/\/)?/i;
/** A registry's own address, at which the name is all that follows. */
const registryAddress = /^(?:https:\/\/)?(?:registry\.)?ollama\.(?:ai|com)\//i;

/** `ollama:[host/][owner/]name[:tag]`; undefined: it has another form. */
export function parseTag(text: string): OllamaName | undefined {
  const name = text.replace(ollamaPrefix, "");
  const rest = name.replace(registryAddress, "");
  return rest === text ? undefined : parseOllamaName(rest);
}

/** A source in the one way that is the same for all that lead to the same model, but for capital letters. */
export function plainSource(text: string): string {
  const asked = parseRepository(text);
  if (asked !== undefined) return sourceOfRepository(asked);
  const name = parseTag(text);
  return name === undefined ? text : `ollama:${shortestOf(name)}`;
}

function sourceOfRepository({ repo, revision, path, quantisation }: Repository): string {
  const at = revision === "main" ? "" : `@${revision}`;
  const kind = quantisation === undefined ? "" : `:${quantisation}`;
  return `hf:${repo}${at}${path === undefined ? "" : `/${path}`}${kind}`;
}

/** The source that a name leads to, as Ollama's clients write it: its registry, another one by its host, or Hugging
 *  Face as `hf.co/OWNER/REPO`; or a source as it is written here. Hugging Face has no tag `latest`. */
export function sourceOfName(name: string): string {
  const text = plainName(name);
  if (fileForm.test(text)) return plainSource(`hf:${text}`);
  const untagged = text.replace(/:latest$/i, "");
  if (parseRepository(untagged) !== undefined) return plainSource(untagged);
  // A file at a web address is no model of a registry; `hf:8b` is one, as it is no repository.
  const isFile = isAddress.test(text) && (parseOllamaName(text) === undefined || /\.(?:gguf|onnx)$/i.test(text));
  return isFile || clusterForm.test(text) || text.startsWith("ollama:")
    ? plainSource(text)
    : plainSource(`ollama:${text}`);
}

/** What else a name may be that has been pulled: other servers call a repository of Hugging Face `OWNER/REPO`, with how
 *  the weights are written behind it; and what looks like a file of one may be of a registry. */
export function alsoNamed(name: string): readonly string[] {
  const text = plainName(name);
  const untagged = text.replace(/:latest$/i, "");
  const here = parseRepository(untagged) === undefined ? `hf:${untagged}` : untagged;
  const quantised = asQuantisation(here);
  return [
    ...(fileForm.test(text) ? [plainSource(`ollama:${text}`)] : []),
    ...(parseRepository(here) === undefined ? [] : [plainSource(here)]),
    ...(quantised === undefined ? [] : [sourceOfRepository(quantised)]),
  ];
}

/** LM Studio's key of a model: the name of its repository or file in small letters, without its owner and the words
 *  for what it is made of; perhaps with how the weights are written. */
const keyForm = /^([\w.-]+?)(?:-gguf)?(?:@([\w.-]+))?$/i;
/** The same with the file: `REPO/FILE.gguf`, or `FILE.gguf`. */
const keyOfFile = /^(?:[\w.-]+\/)?[\w.-]+\.gguf$/i;

/** Whether a model that was pulled is what LM Studio calls by this key. Its owner is not in it, so another one's may be
 *  so called, too. */
export function hasKey(source: string, name: string): boolean {
  const { repo = "/", path = "", quantisation } = parseRepository(source) ?? {};
  const key = plainName(name).toLowerCase();
  const [, its = ""] = repo.toLowerCase().split("/");
  const whole = `${its}/${path.toLowerCase()}`;
  if (keyOfFile.test(key)) return path !== "" && `/${whole}`.endsWith(`/${key}`);
  const [isKey, base, wanted] = keyForm.exec(key) ?? [];
  if (isKey === undefined || its.replace(/-gguf$/, "") !== base) return false;
  return wanted === undefined || quantisation?.toLowerCase() === wanted || isWrittenSo(path.toLowerCase(), wanted);
}

const isWrittenSo = (path: string, quantisation: string): boolean =>
  path.endsWith(`-${quantisation}.gguf`) || path.endsWith(`.${quantisation}.gguf`);

/** Whether Ollama runs the model of this name, at its own registry, on its own servers: `:cloud` behind any tag, or
 *  `TAG-cloud`. */
export function isInCloud(name: string): boolean {
  const text = plainName(name).replace(ollamaPrefix, "");
  const [isOne] = /:(?:[\w.-]*-)?cloud$/i.exec(text) ?? [];
  const parsed = parseOllamaName(text) ?? parseOllamaName(text.replace(/:cloud$/i, ""));
  return isOne !== undefined && parsed !== undefined && registryOf(parsed) === undefined;
}

/** What the name of a model is that somebody may have meant, of those that are there: one that it is the beginning or
 *  the end of, or the same without marks; at most three. Pure. */
export function nearlyNamed(name: string, all: Iterable<string>): readonly string[] {
  const bare = (text: string): string => text.toLowerCase().replaceAll(/[^\p{L}\p{N}]/gu, "");
  const last = (text: string): string => bare(text.split("/").at(-1) ?? "").replace(/gguf$/, "");
  const wanted = last(plainName(name).replace(/:latest$/i, ""));
  if (wanted.length < 3) return [];
  const found = [...all].filter((one) => {
    const its = last(one);
    return its.length >= 3 && (its.startsWith(wanted) || wanted.startsWith(its) || its.includes(wanted));
  });
  return found.toSorted((one, other) => one.length - other.length || (one < other ? -1 : 1)).slice(0, 3);
}

/** Whether somebody may call a model so: Ollama takes it for a name, or it is a source. */
export function isNamed(name: string): boolean {
  const source = sourceOfName(name);
  return (
    parseTag(source) !== undefined ||
    parseRepository(source) !== undefined ||
    clusterForm.test(source) ||
    isAddress.test(source)
  );
}

const isAddress = /^https?:\/\//i;
/** A model that other nodes have. */
export const clusterForm = /^cluster:([A-Za-z0-9][A-Za-z0-9._:-]{0,99})$/;
