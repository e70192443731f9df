/** The fields of Anthropic's interface. */
import { rowsOf, type FieldRow } from "./rows.ts";

/** What both routes read. */
const conversation = `
used model
used messages(user).content messages(assistant).content messages(system).content messages(system).clear_at system
used messages(user).content(text).text messages(assistant).content(text).text messages(system).content(text).text system(text).text
used messages(user).content(image).source(base64).data messages(user).content(image).source(base64).media_type
used messages(user).content(document).source(text).data messages(user).content(document).title messages(user).content(document).context
used messages(user).content(tool_result).tool_use_id messages(user).content(tool_result).content messages(user).content(tool_result).is_error
used messages(user).content(tool_result).content(text).text messages(user).content(tool_result).content(image).source(base64).data messages(user).content(tool_result).content(image).source(base64).media_type
used messages(user).content(tool_result).content(document).source(text).data
used messages(assistant).content(tool_use).id messages(assistant).content(tool_use).name
whole messages(assistant).content(tool_use).input
nothing messages(assistant).content(thinking) messages(assistant).content(redacted_thinking) | what the model thought is not shown to it again
nothing messages(user).content(document).source(text).media_type messages(user).content(tool_result).content(document).source(text).media_type | it is text
refused messages(user).content(image).source(*) messages(user).content(tool_result).content(image).source(*) | must be base64; the node fetches nothing from elsewhere
refused messages(user).content(document).source(*) messages(user).content(tool_result).content(document).source(*) | only documents of text are supported
refused messages(user).content(document).citations.enabled messages(user).content(tool_result).content(document).citations.enabled | what is said of a document is not marked
used messages(user).content(tool_result).content(document).title messages(user).content(tool_result).content(document).context
nothing messages(user).content(image).transformations messages(user).content(tool_result).content(image).transformations | an image is shown as it is
nothing messages(user).content(tool_result).content(text).citations messages(user).content(text).citations messages(assistant).content(text).citations messages(system).content(text).citations system(text).citations | they say something of a text, and are none
nothing messages(assistant).content(tool_use).caller messages(assistant).content(tool_use).toolset_name messages(user).content(tool_result).toolset_name | it makes no difference who made a call
nothing cache_control messages(user).content(text).cache_control messages(assistant).content(text).cache_control messages(system).content(text).cache_control system(text).cache_control messages(user).content(image).cache_control messages(user).content(document).cache_control messages(user).content(tool_result).cache_control messages(assistant).content(tool_use).cache_control tools(custom).cache_control messages(user).content(tool_result).content(text).cache_control messages(user).content(tool_result).content(image).cache_control messages(user).content(tool_result).content(document).cache_control | what is in memory of a prompt is found by itself
refused messages(user).content(*) messages(user).content(tool_result).content(*) messages(assistant).content(*) | only texts, images, calls of tools and their answers are supported
refused messages(system).content(*) | only text is supported there; tools are those of the request
refused messages(system).output_config.effort | how much the model thinks is said once, by output_config of the request
used tools(custom).name tools(custom).description
whole tools(custom).input_schema
used tools(custom).strict
nothing tools(custom).eager_input_streaming | calls are told as soon as they can be
refused tools(custom).input_examples tools(custom).allowed_callers tools(custom).defer_loading | tools are called by the model, at once, and are all shown to it; say examples in the description
refused tools(*) | the node runs no tools of its own here
used tool_choice(any) tool_choice(auto) tool_choice(none) tool_choice(tool).name
used tool_choice(any).disable_parallel_tool_use tool_choice(auto).disable_parallel_tool_use tool_choice(tool).disable_parallel_tool_use
refused speed | there is one
nothing user_profile_id workspace_id | the caller is known by the key
nothing billing_policy | nobody is billed
refused mcp_servers | servers of tools are not supported
nothing context_management | nothing is left out of a conversation
`;

/** Messages. */
export const messageFields: readonly FieldRow[] = rowsOf(`
${conversation}
used max_tokens stop_sequences stream temperature top_p top_k output_config.effort
whole output_config.format(json_schema).schema
used output_format
used thinking(enabled).budget_tokens thinking(enabled).display thinking(adaptive).display thinking(disabled)
refused thinking(*) | only enabled, adaptive and disabled are known
refused container | containers are not supported
refused output_config.task_budget | how long an answer is, is said in words
refused fallbacks | it is asked the model that is named, and nobody else
refused thread | conversations are not kept; send what was said
refused compaction | a conversation is made short by /v1/responses/compact
refused inference_geo | where it is computed is the cluster's to say
nothing diagnostics metadata | nothing of them is kept
nothing fallback_credit_token | nobody is billed
nothing service_tier | there is one
`);

const uncounted = /\(image\)|tool_use_id|\(tool_use\)\.(?:id|name)|^tool_choice/;
const notCounted = { fate: "nothing", why: "only texts and tools are counted" } as const;

/** How many tokens messages take: what the answer would be like is not looked at. */
export const countFields: readonly FieldRow[] = [
  ...rowsOf(conversation).map((row) =>
    row.fate === "used" && uncounted.test(row.path) ? { ...row, ...notCounted } : row,
  ),
  ...rowsOf(`nothing thinking output_config output_format compaction | only the prompt is counted`),
];
