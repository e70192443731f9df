/** The adapters of models on other servers: one row each, of what is said of them outside their own folder. The page,
 *  the configuration and the search for servers read it. `runtimes/adapters.ts` has their code. */

/** How a server that is asked without a key shows that it is one of these: an answer in JSON of the path, with the name
 *  of the software at `kind`, and where it is named with a list at `list`. */
export interface ShownBy {
  readonly path: string;
  readonly list?: string;
  readonly kind: string;
  readonly version: string;
}

interface RemoteAdapterRow {
  /** As people choose it. */
  readonly title: string;
  /** What DNS-SD (`_NAME._tcp`) and Consul call its servers. */
  readonly services?: readonly string[];
  /** What Consul's users call them as well. */
  readonly words?: readonly string[];
  /** Absent: nothing of the sort, or `runtimes/remote/detect.ts` knows it by more than one answer. */
  readonly shownBy?: ShownBy;
}

const rows = {
  openai: {
    title: "OpenAI’s kind (vLLM, llama-server, LM Studio, Plexus)",
    services: ["openai", "plexus-ai"],
    words: ["vllm", "llama-server"],
  },
  ollama: { title: "Ollama", services: ["ollama"] },
  anthropic: { title: "Anthropic" },
  gemini: { title: "Gemini" },
  kserve: {
    title: "KServe’s kind (Triton, OpenVINO)",
    services: ["kserve"],
    shownBy: { path: "/v2", list: "extensions", kind: "name", version: "version" },
  },
} as const satisfies Readonly<Record<string, RemoteAdapterRow>>;

/** The name of an adapter. */
export type RemoteAdapter = keyof typeof rows;

/** Their names. */
export const remoteAdapters = Object.keys(rows) as [RemoteAdapter, ...RemoteAdapter[]];

/** What is said of each. */
export const remoteAdapterRows: Readonly<Record<RemoteAdapter, RemoteAdapterRow>> = rows;
