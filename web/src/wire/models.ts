import type { ModelsView } from "../../../protocols/index.ts";
import { at } from "./mount.ts";

/** Tells how the models of the page's node stand, now and whenever that changes; goes on after a lost connection. The
 *  returned function ends it. */
export function watchModels(listener: (view: ModelsView) => void): () => void {
  const source = new EventSource(at("/api/v1/admin/models/events"));
  source.addEventListener("models", (event: MessageEvent<string>) => listener(JSON.parse(event.data) as ModelsView));
  return () => source.close();
}
