/** The language in which the page writes numbers and times. Some systems give the browser a name of one that is none
 *  (`en-US@posix`): whatever asks `Intl` for it throws, libraries as they are loaded. So what the browser says is
 *  checked once, here, and corrected for all. */

/** The first of these names that is one, or becomes one without what a system has put behind it. */
export function localeFrom(names: readonly (string | undefined)[]): string {
  for (const name of names)
    for (const tag of [name, name?.replace(/[@.].*$/, "").replaceAll("_", "-")]) {
      const [locale] = tag === undefined || tag === "" ? [] : canonical(tag);
      if (locale !== undefined) return locale;
    }
  return "en";
}

function canonical(tag: string): readonly string[] {
  try {
    return Intl.getCanonicalLocales(tag);
  } catch {
    return [];
  }
}

/** What the browser wants. */
export const locale = localeFrom([globalThis.navigator?.language, ...(globalThis.navigator?.languages ?? [])]);

// For libraries that ask the browser themselves (uPlot does when it is loaded).
if (globalThis.navigator !== undefined && canonical(navigator.language).length === 0)
  Object.defineProperty(navigator, "language", { value: locale, configurable: true });
