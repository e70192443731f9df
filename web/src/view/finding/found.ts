import { useInfiniteQuery } from "@tanstack/react-query";
import type { FoundMessage, SearchPage } from "../../../../protocols/index.ts";
import { findingOf, looksFor } from "../../../../protocols/words/finding.ts";
import { useSession } from "../../live/index.ts";
import { seen } from "../../wire/index.ts";

const pageMessages = 25;
/** Results stay what they were for so long, also for somebody who goes away and comes back. */
const freshMs = 10_000;

/** What was found so far, and what is to be said of it. */
export interface Found {
  readonly messages: readonly FoundMessage[];
  /** Rooms and conversations that could not be searched. */
  readonly silent: readonly string[];
  /** Entries that were written and are not searched yet. */
  readonly behind: number;
  readonly misspelt: boolean;
}

function joined(pages: readonly SearchPage[]): Found {
  const behind = new Map(
    pages.flatMap(({ covered }) => covered.map((one) => [one.slot, one.behind ?? 0] as const)).toReversed(),
  );
  return {
    messages: pages.flatMap(({ found }) => found),
    silent: [...new Set(pages.flatMap(({ unreachable = [] }) => unreachable))],
    behind: [...behind.values()].reduce((sum, one) => sum + one, 0),
    misspelt: pages.some(({ misspelt }) => misspelt === true),
  };
}

/** Searches for what was typed, page by page. */
export function useFound(typed: string, isBest: boolean) {
  const { me } = useSession();
  const { search, wrong } = findingOf(typed, me);
  const isAsked = looksFor(search);
  const query = useInfiniteQuery({
    queryKey: ["found", search, isBest],
    enabled: isAsked,
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) =>
      seen("search.messages", {
        ...search,
        limit: pageMessages,
        ...(isBest && { order: "best" as const }),
        ...(pageParam !== undefined && { cursor: pageParam }),
      }),
    getNextPageParam: (page: SearchPage) => page.next,
    // What was found before stays until there is something else: the list does not flicker with each letter.
    placeholderData: (before) => before,
    staleTime: freshMs,
  });
  return { query, found: isAsked && query.data ? joined(query.data.pages) : undefined, isAsked, wrong };
}
