/** What the pages of the administration look at again and again. */
import { Refused, request } from "../../wire/index.ts";

/** Asks for something to look at. */
export async function look<Value>(path: string, method: "GET" | "POST" = "GET", body: object = {}): Promise<Value> {
  const result = await request<Value>(method, `/api/v1${path}`, method === "POST" ? body : undefined);
  if (result.ok) return result.value;
  throw new Refused(result.error);
}

/** How a query looks anew every `lookMs`: what is shown changes by itself, and other admins act. */
export const live = (lookMs: number) => ({ refetchInterval: lookMs, staleTime: 0, retry: false }) as const;
