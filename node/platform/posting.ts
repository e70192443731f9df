/** Posts a text to an address, and gives the status of the answer, which is not read. It follows no redirection: where
 *  a text goes is the operator's word. Rejects where nobody answers in time. */
export async function postText(
  url: string,
  body: string,
  { headers, timeoutMs }: { readonly headers: Readonly<Record<string, string>>; readonly timeoutMs: number },
): Promise<number> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(url, { method: "POST", body, headers, redirect: "manual", signal });
  await response.body?.cancel();
  return response.status;
}
