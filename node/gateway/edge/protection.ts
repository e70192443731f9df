import type { ServerResponse } from "node:http";
import helmet from "helmet";

type Headers = Readonly<Record<string, string>>;

/** Stands for the host in the policy until a request says it. */
const here = "HOST.invalid";

/** Helmet's headers for browsers, made once: to make them for each request was one of its two largest costs.
 *  What it gives back has those of an answer to a request with this `Host`. */
export function createProtection(): (host: string | undefined) => Headers {
  const made: Record<string, string> = {};
  const told = {
    setHeader: (name: string, value: unknown) => void (made[name.toLowerCase()] = String(value)),
    removeHeader: () => undefined,
  };
  const middleware = helmet({
    // TLS, and with it the promise to keep using it, belongs to the proxy in front.
    strictTransportSecurity: false,
    referrerPolicy: { policy: "same-origin" },
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        // Mantine and virtual lists place elements by style attributes.
        styleSrc: ["'self'", "'unsafe-inline'"],
        imgSrc: ["'self'", "data:", "blob:"],
        fontSrc: ["'self'", "data:"],
        // Some browsers do not count the WebSocket of the same host as 'self'.
        connectSrc: ["'self'", here],
        workerSrc: ["'self'", "blob:"],
        manifestSrc: ["'self'"],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
  });
  middleware({} as never, told as unknown as ServerResponse, (error) => {
    if (error !== undefined) throw error as Error;
  });
  const policyName = "content-security-policy";
  const [before = "", after = ""] = (made[policyName] ?? "").split(here);
  const policyOf = (host: string): string => {
    const sources = /^[\w.:[\]-]{1,255}$/.test(host) ? `ws://${host} wss://${host}` : "'self'";
    return before + sources + after;
  };
  // Nearly all requests name the same host as the one before.
  let last = { host: "", headers: { ...made, [policyName]: policyOf("") } };
  return (host = "") => {
    if (host !== last.host) last = { host, headers: { ...made, [policyName]: policyOf(host) } };
    return last.headers;
  };
}
