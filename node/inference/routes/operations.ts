/** What the operations on routes of models do, and the one that shows how good their answers are. */
import {
  auditTexts,
  changed,
  failure,
  ok,
  refused,
  removed,
  type ChatMessage,
  type GenerationRequest,
  type HandlersOf,
  type modelRouteOperations,
  type QualityView,
  type RouteExplanation,
} from "../../../protocols/index.ts";
import type { ModelRoutes } from "../../cluster/facts/model-routes.ts";

/** What they need. */
export interface ModelRouteParts {
  readonly modelRoutes: Pick<ModelRoutes, "current" | "set" | "remove">;
  /** What a route would do with a question; undefined: there is no such route. */
  explainRoute(
    name: string,
    question: Pick<GenerationRequest, "messages" | "tools" | "format">,
    how: { readonly rulesOnly: boolean },
  ): Promise<RouteExplanation | undefined>;
  /** How good the answers of models are, over time. */
  readonly quality: { view(): Promise<QualityView> };
}

/** The handlers. */
export function handleModelRoutes(at: ModelRouteParts): HandlersOf<typeof modelRouteOperations> {
  const { modelRoutes } = at;
  return {
    "routes.list": () => ok({ routes: modelRoutes.current() }),
    "routes.set": async ({ route: name, ...body }) => {
      const before = modelRoutes.current().find((one) => one.name === name);
      const { result, after } = changed(before, await modelRoutes.set({ name, ...body }));
      return { result, before: shownRoute(before), after: shownRoute(after) };
    },
    "routes.explain": async ({ route: name, text, tools, media, json, rulesOnly = false }) => {
      const shown = { type: "image", mediaType: "image/png", bytes: new Uint8Array() } as const;
      const message: ChatMessage = { role: "user", content: text, ...(media === true && { media: [shown] }) };
      const question = {
        messages: [message],
        ...(tools === true && { tools: [{ name: "any" }] }),
        ...(json === true && { format: { type: "json" } as const }),
      };
      const explained = await at.explainRoute(name, question, { rulesOnly });
      return explained === undefined ? refused(failure("NOT_FOUND", { route: name })) : ok(explained);
    },
    "routes.remove": async ({ route }) => {
      const { result, before } = removed(await modelRoutes.remove(route));
      return { result, before: shownRoute(before) };
    },
    "quality.show": async () => ok(await at.quality.view()),
  };
}

/** A route as the audit says it: as much as a fact may have. */
const shownRoute = (route: object | undefined): { readonly says: string } | undefined =>
  route && { says: JSON.stringify(route).slice(0, auditTexts.fact) };
