/** What a host process sees of the node's environment: little, since native code and other people's models run in it,
 *  and the node may have been given secrets that way. Pure. */
import type { ModelSpec } from "../adapter.ts";
import type { HostKind } from "./messages.ts";

/** One set of variables. */
type Variables = Readonly<Record<string, string | undefined>>;

/** Where programs, libraries, compiled code and temporary files are, the language, and bounds of Node itself. */
const always =
  /^(?:PATH|HOME|USER|LANG|LC_[A-Z]+|TZ|TMPDIR|LD_LIBRARY_PATH|NODE_OPTIONS|NODE_ENV|NODE_COMPILE_CACHE|OMP_[A-Z_]+)$/;
/** What libraries and drivers of graphics cards read. */
const native = /^(?:CUDA|NVIDIA|HIP|ROCR|HSA|ROCM|GGML|VK|VULKAN|GGML_VK|LLAMA|ORT|MESA|XDG_RUNTIME)_[A-Z0-9_]+$/;
/** How other servers are reached. An address of a proxy may have a password in it: native code has no use for it. */
const light =
  /^(?:NODE_EXTRA_CA_CERTS|NODE_USE_ENV_PROXY|SSL_CERT_(?:FILE|DIR)|(?:https?|no|all)_proxy|(?:HTTPS?|NO|ALL)_PROXY)$/;
/** Whatever it is for: not a name under which a secret should come along. */
const secret = /KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL/i;

/** The environment of a host. */
export const hostVariables = (all: Variables, kind: HostKind): Variables =>
  Object.fromEntries(
    Object.entries(all).filter(
      ([name]) => !secret.test(name) && (always.test(name) || (kind === "native" ? native : light).test(name)),
    ),
  );

/** The variables that a model's server has its key in: for the worker of that model alone. */
export function keyVariables(
  { endpoint }: Pick<ModelSpec, "endpoint">,
  all: Variables,
): Readonly<Record<string, string>> {
  const name = endpoint?.key?.env;
  const value = name === undefined ? undefined : all[name];
  return name === undefined || value === undefined ? {} : { [name]: value };
}
