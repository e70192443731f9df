/** The fields of Ollama's interface. */
import { rowsOf, type FieldRow } from "./rows.ts";

const options = `
used options.temperature options.top_p options.top_k options.min_p options.seed options.num_predict options.stop
nothing options.numa options.num_ctx options.num_batch options.num_gpu options.main_gpu options.low_vram options.f16_kv options.logits_all options.vocab_only options.use_mmap options.use_mlock options.embedding_only options.num_thread | how a model is loaded is the node's to say
nothing options.num_keep | nothing is left out of a conversation
nothing options.repeat_last_n options.mirostat_tau options.mirostat_eta options.penalize_newline | they say how something is done that is refused
refused options.repeat_penalty options.presence_penalty options.frequency_penalty | penalties are not supported
refused options.tfs_z options.typical_p options.mirostat | only temperature, top_p, top_k and min_p are followed
`;
const text = `
used model stream format keep_alive think logprobs top_logprobs
refused truncate shift | nothing is left out of a conversation
${options}
`;

/** Generate. */
export const generateFields: readonly FieldRow[] = rowsOf(`
${text}
used prompt system images
refused suffix | to fill in before a suffix is not supported
refused raw | prompts without a template are not supported
refused template | templates are the model's own
refused context | token numbers of a conversation are of one server; send the conversation to /api/chat
refused width height steps | images are not made here; there is /v1/images/generations
`);

/** Chat. */
export const ollamaChatFields: readonly FieldRow[] = rowsOf(`
${text}
used messages.role messages.content messages.images messages.tool_calls.function.name messages.tool_name messages.tool_call_id messages.tool_calls.id
nothing messages.tool_calls.type messages.tool_calls.function.index | calls come in their order
whole messages.tool_calls.function.arguments
nothing messages.thinking | what the model thought is not shown to it again
used tools.function.name tools.function.description
whole tools.function.parameters
nothing tools.type tools.function.type | all are functions
`);

/** Vectors. */
export const embedFields: readonly FieldRow[] = rowsOf(`
used model input truncate keep_alive dimensions
nothing options | how a model is loaded is the node's to say
`);
/** Vectors, in the older form. */
export const embeddingsFields: readonly FieldRow[] = rowsOf(`
used model prompt keep_alive
nothing options | how a model is loaded is the node's to say
`);

/** What a model is. */
export const showFields: readonly FieldRow[] = rowsOf(`
used model name
nothing system template options | what is shown is the model as it is
nothing verbose | all that is known is shown
`);

/** Pulls. */
export const pullFields: readonly FieldRow[] = rowsOf(`
used model name stream insecure accept_licence
`);
