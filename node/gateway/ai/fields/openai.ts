/** The fields of OpenAI's interface, and of the servers that speak like it. */
import { rowsOf, type FieldRow } from "./rows.ts";

/** What clients of vLLM, SGLang, llama-server, LM Studio, OpenRouter, DeepSeek and Groq say beyond OpenAI's own
 *  fields. */
const dialects = `
used top_k min_p guided_json structured_outputs.json reasoning_effort reasoning.effort reasoning.enabled enable_thinking think thinking.type
used chat_template_kwargs.enable_thinking chat_template_kwargs.thinking chat_template_kwargs.reasoning_effort
refused chat_template_kwargs.* | only enable_thinking, thinking and reasoning_effort are variables here
refused chat_template | templates are the model's own
refused regex ebnf structural_tag stop_regex format | only a JSON schema is kept to: use response_format
refused thinking_budget thinking_token_budget | how much a model thinks is said by reasoning_effort
refused enable_search | web search is not supported
refused safe_prompt | what the model reads is in messages
refused return_tokens_as_token_ids | tokens are told as texts
refused structured_outputs.* guided_regex guided_choice guided_grammar grammar json_schema | only a JSON schema is kept to: use response_format
refused guided_decoding_backend guided_whitespace_pattern | only guided_json is followed
refused repetition_penalty repeat_penalty frequency_penalty presence_penalty no_repeat_ngram_size length_penalty | penalties are not supported
refused typical_p tfs_z top_a xtc_probability xtc_threshold dry_multiplier mirostat dynatemp_range epsilon_cutoff eta_cutoff samplers | only temperature, top_p, top_k and min_p are followed
refused min_tokens ignore_eos stop_token_ids bad_words allowed_token_ids use_beam_search logits_processors | tokens are not forced, forbidden or searched for
refused include_stop_str_in_output prompt_logprobs echo | the answer is what the model wrote, without what was there before
refused truncate_prompt_tokens transforms | nothing is left out of a conversation
refused models route plugins provider search_settings | it is asked the model that is named, and nobody else
refused documents lora adapters | what the model reads is in messages
refused logit_bias | logit_bias is not supported
refused web_search_options | web search is not supported
nothing add_generation_prompt | it follows from whether the answer has been begun
nothing skip_special_tokens spaces_between_special_tokens add_special_tokens detokenize | the answer is text
nothing cache_prompt id_slot n_cache_reuse cache_salt | what is in memory of a prompt is found by itself
nothing include_reasoning reasoning_format reasoning.exclude reasoning.max_tokens separate_reasoning | what a model thinks is told apart, in reasoning_content
nothing priority request_id timings_per_token return_progress return_tokens return_token_ids t_max_predict_ms ttl draft_model | how a call is run is the node's to say
nothing usage | usage is told
nothing keep_alive session_id cache_control | how a call is run is the node's to say
`;

/** Chat completions. */
export const chatFields: readonly FieldRow[] = rowsOf(`
used model stream n stop max_tokens max_completion_tokens temperature top_p seed random_seed logprobs top_logprobs parallel_tool_calls continue_final_message
used stream_options.include_usage
nothing stream_options.include_obfuscation | pieces are not padded
used messages(system).content messages(developer).content messages(user).content messages(assistant).content messages(tool).content
used messages(system).content(text).text messages(developer).content(text).text messages(user).content(text).text
used messages(assistant).content(text).text messages(tool).content(text).text messages(assistant).content(refusal).refusal
used messages(user).content(image_url).image_url.url messages(user).content(input_audio).input_audio.data
used messages(user).content(input_audio).input_audio.format messages(tool).tool_call_id
used messages(assistant).tool_calls(function).id messages(assistant).tool_calls(function).function.name
used messages(assistant).tool_calls(function).function.arguments
refused messages(user).content(*) messages(system).content(*) messages(developer).content(*) messages(assistant).content(*) messages(tool).content(*) | only texts are read there, and of users image_url and input_audio
refused messages(assistant).tool_calls(custom) tools(custom) tool_choice(custom) | only functions are supported
refused messages(assistant).audio | the model has heard nothing of itself
refused messages(assistant).function_call messages(function) functions function_call | functions are not supported in this old form; use tools and tool_choice
nothing messages(user).content(image_url).image_url.detail | an image is shown as it is
nothing messages(system).name messages(developer).name messages(user).name messages(assistant).name | templates of models have no place for names
nothing messages(assistant).refusal | what was refused is in the content
nothing messages(assistant).reasoning_content messages(assistant).reasoning messages(assistant).reasoning_details | what the model thought is not shown to it again
nothing messages(assistant).prefix | the last message of an assistant is the beginning of the answer anyway
nothing messages(assistant).tool_calls(function).index | calls come in their order
nothing messages(system).cache_control messages(user).cache_control messages(user).content(text).cache_control messages(system).content(text).cache_control tools(function).cache_control | what is in memory of a prompt is found by itself
nothing messages(system).content(text).prompt_cache_breakpoint messages(developer).content(text).prompt_cache_breakpoint messages(user).content(text).prompt_cache_breakpoint messages(assistant).content(text).prompt_cache_breakpoint messages(tool).content(text).prompt_cache_breakpoint messages(user).content(image_url).prompt_cache_breakpoint messages(user).content(input_audio).prompt_cache_breakpoint | what is in memory of a prompt is found by itself
used tools(function).function.name tools(function).function.description
whole tools(function).function.parameters
used tools(function).function.strict
used tool_choice(function).function.name tool_choice(allowed_tools).allowed_tools.mode
whole tool_choice(allowed_tools).allowed_tools.tools
used response_format(json_object) response_format(json_object).schema
whole response_format(json_schema).json_schema.schema
nothing response_format(text) | text is what there is without it
nothing response_format(json_schema).json_schema.name response_format(json_schema).json_schema.description | the model is told nothing of a form; it is held to it
used response_format(json_schema).json_schema.strict
refused response_format(*) | only text, json_object and json_schema are known
refused modalities audio | only text output is supported
refused moderation | moderation is not supported; there is /v1/moderations
refused verbosity | how long an answer is, is said in words
nothing prediction | it makes an answer faster, and no other one
nothing store metadata | nothing of a chat completion is kept
nothing user safety_identifier | the caller is known by the key
nothing service_tier | there is one
nothing prompt_cache_key prompt_cache_options prompt_cache_retention | what is in memory of a prompt is found by itself
${dialects}
`);

/** Completions. */
export const completionFields: readonly FieldRow[] = rowsOf(`
used model prompt stream n stop max_tokens temperature top_p seed random_seed logprobs stream_options.include_usage response_format
nothing stream_options.include_obfuscation | pieces are not padded
refused best_of | best_of is not supported
refused suffix | to fill in before a suffix is not supported
nothing user | the caller is known by the key
${dialects}
`);

/** What a conversation is made of, in requests for responses. */
const conversationItems = `
used input input(user).content input(system).content input(developer).content input(assistant).content
used input(user).content(input_text).text input(system).content(input_text).text input(developer).content(input_text).text input(assistant).content(input_text).text
used input(user).content(text).text input(assistant).content(text).text input(system).content(text).text input(developer).content(text).text
used input(assistant).content(output_text).text input(assistant).content(refusal).refusal
nothing input(user).content(input_image).detail | an image is shown as it is
refused input(user).content(input_image).file_id input(system).content(input_image) input(developer).content(input_image) input(assistant).content(input_image) input(function_call_output).output(input_image) | only users show something, and as a data: URL
refused input(user).content(*) input(system).content(*) input(developer).content(*) input(assistant).content(*) input(function_call_output).output(*) | files are not supported
nothing input(user).content(input_text).prompt_cache_breakpoint input(system).content(input_text).prompt_cache_breakpoint input(developer).content(input_text).prompt_cache_breakpoint input(assistant).content(input_text).prompt_cache_breakpoint input(user).content(input_image).prompt_cache_breakpoint input(function_call_output).output(input_text).prompt_cache_breakpoint | what is in memory of a prompt is found by itself
nothing input(assistant).content(output_text).annotations input(assistant).content(output_text).logprobs | they say something of a text, and are none
nothing input(user).id input(system).id input(developer).id input(assistant).id input(user).status input(system).status input(developer).status input(assistant).status input(user).phase input(system).phase input(developer).phase input(assistant).phase input(function_call).id input(function_call).status input(function_call_output).id input(function_call_output).status input(function_call_output).name | the model is not told of them
refused input(developer).tools | tools are in the request
used input(function_call).call_id input(function_call).name input(function_call).arguments input(function_call_output).call_id
used input(function_call_output).output input(function_call_output).output(input_text).text
nothing input(function_call).caller input(function_call).async input(function_call_output).caller | it makes no difference who made a call
refused input(function_call).namespace input(function_call_output).namespace | functions have no namespaces here
used input(item_reference).id
used input(compaction).encrypted_content
nothing input(reasoning) | what the model thought is not shown to it again
refused input(*) | only messages, calls of functions, their outputs and conversations made short are supported
`;

/** Responses. */
export const responseFields: readonly FieldRow[] = rowsOf(`
used model instructions previous_response_id stream store background max_output_tokens temperature top_p top_logprobs include metadata parallel_tool_calls
used generate seed random_seed
nothing stream_options.include_obfuscation | pieces are not padded
used input(user).content(input_image).image_url input(user).content(input_audio).input_audio
${conversationItems}
used tools(function).name tools(function).description
whole tools(function).parameters
used tools(function).strict
nothing tools(function).output_schema | the model reads what a tool answered as it is
refused tools(function).allowed_callers tools(function).async tools(function).defer_loading | functions are called by the model, at once, and are all shown to it
refused tools(*) | only functions that the client runs are supported
used tool_choice(function).name tool_choice(allowed_tools).mode
whole tool_choice(allowed_tools).tools
refused tool_choice(*) | only functions are supported
whole text.format(json_schema).schema
used text.format(json_object)
nothing text.format(text) | text is what there is without it
used text.format(json_schema).strict
nothing text.format(json_schema).name text.format(json_schema).description | the model is told nothing of a form; it is held to it
refused text.verbosity | how long an answer is, is said in words
refused reasoning.context reasoning.mode | what the model thought is not shown to it again
used reasoning.summary reasoning.generate_summary
refused conversation | conversations are not kept under names of their own; use previous_response_id
refused prompt | stored prompts are not supported
refused truncation context_management | nothing is left out of a conversation
refused moderation | moderation is not supported; there is /v1/moderations
refused multi_agent.enabled | one model answers a request
nothing multi_agent.max_concurrent_subagents | one model answers a request
refused access_programs image | there is nothing here that it could be about
nothing max_tool_calls | the node runs no tools of its own
nothing user safety_identifier | the caller is known by the key
nothing service_tier | there is one
nothing prompt_cache_key prompt_cache_options prompt_cache_retention | what is in memory of a prompt is found by itself
${dialects}
`);

/** Conversations made short. */
export const compactFields: readonly FieldRow[] = rowsOf(`
used model instructions previous_response_id
nothing input(user).content(input_image).image_url input(user).content(input_audio).input_audio | that something was shown is written down, and not what
${conversationItems}
refused image | there is nothing here that it could be about
nothing service_tier | there is one
nothing prompt_cache_key prompt_cache_options prompt_cache_retention | what is in memory of a prompt is found by itself
`);

/** Embeddings. */
export const embeddingFields: readonly FieldRow[] = rowsOf(`
used model input dimensions encoding_format truncate_prompt_tokens
refused input_type task | questions and passages get the same vectors: put the words for them into the text
refused output_dtype | vectors are numbers of 32 bits
nothing user | the caller is known by the key
`);

/** Documents in the order of how well they answer. */
export const rerankFields: readonly FieldRow[] = rowsOf(`
used model query documents documents.text top_n return_documents
refused rank_fields max_tokens_per_doc truncate_prompt_tokens | a document is compared whole
nothing max_chunks_per_doc | a document is one chunk
refused instruction prompt | put the words for it into the query
nothing priority | how a call is run is the node's to say
nothing user | the caller is known by the key
`);

/** Classes. */
export const classifyFields: readonly FieldRow[] = rowsOf(`
used model input
refused truncate_prompt_tokens | nothing is left out of a text
refused activation use_activation softmax | what is told are the likelihoods of classes
nothing add_special_tokens | the model reads a text as it is made to
nothing priority request_id | how a call is run is the node's to say
nothing user | the caller is known by the key
`);

/** Moderations. */
export const moderationFields: readonly FieldRow[] = rowsOf(`
used model input
refused input(*) | only texts are supported
`);

/** Speech, transcriptions, translations, images. */
export const speechFields: readonly FieldRow[] = rowsOf(`
used model input voice speed response_format stream_format
refused instructions | how it is said is the voice's own
`);
/** Transcriptions. */
export const transcriptionFields: readonly FieldRow[] = rowsOf(`
used file model language prompt response_format stream
refused languages | one language
refused keywords known_speaker_names known_speaker_references | speakers and words are not looked for
refused include | likelihoods of words are not told
refused timestamp_granularities | times of segments, not of words
nothing chunking_strategy temperature | how a sound is cut and heard is the model's own
`);
/** Translations. */
export const translationFields: readonly FieldRow[] = rowsOf(`
used file model prompt response_format
nothing temperature | how a sound is heard is the model's own
`);
/** Images. */
export const imageFields: readonly FieldRow[] = rowsOf(`
used model prompt n size
refused response_format | only b64_json is supported; the node keeps no images
refused stream partial_images | images are not streamed
refused background complexity frame_count frame_duration_ms output_compression output_format quality style svg | only the size is followed
nothing moderation safety_identifier user | the caller is known by the key
`);
