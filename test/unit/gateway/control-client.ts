/** Requests to a control endpoint, with what a client of it may show. */
import { request as plain } from "node:http";
import { request as secure, type RequestOptions } from "node:https";

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any;
}

/** Asks once, by a connection of its own. Rejects where there is none. */
export function ask(
  url: string,
  path: string,
  { token, body, headers, ...options }: RequestOptions & { readonly token?: string; readonly body?: unknown } = {},
): Promise<Answer> {
  const socketPath = url.startsWith("unix:") ? url.slice(5) : undefined;
  const to = new URL(path, socketPath === undefined ? url : "http://localhost");
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = (to.protocol === "https:" ? secure : plain)(to, {
      agent: false,
      rejectUnauthorized: false,
      ...(socketPath && { socketPath }),
      ...options,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(text !== undefined && { "content-type": "application/json" }),
        ...(headers as Record<string, string> | undefined),
      },
    });
    asked.once("error", reject);
    asked.once("response", (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part)).once("error", reject);
      response.once("end", () => {
        const said = Buffer.concat(parts).toString();
        const isJson = /^application\/json\b/.test(response.headers["content-type"] ?? "");
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: isJson ? JSON.parse(said) : said,
        });
      });
    });
    asked.end(text);
  });
}

/** How an answer ended. */
export const codeOf = ({ body }: Answer): string => (body as { error?: { code: string } }).error?.code ?? "ok";
