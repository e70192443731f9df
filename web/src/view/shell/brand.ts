/** How the cluster looks: asked for when the page is opened, and again when somebody comes back to it. */
import { useSyncExternalStore } from "react";
import type { BrandingView } from "../../../../protocols/index.ts";
import { coloursOf } from "../../../../protocols/text/contrast.ts";
import { at, call } from "../../wire/index.ts";

let brand: BrandingView = {};
const listeners = new Set<() => void>();
const sheet = document.createElement("style");
document.head.append(sheet);

/** The styles of a colour: the page's own variables, and those of Mantine for what is filled. */
function stylesOf(colour: string | undefined): string {
  if (colour === undefined) return "";
  const { light, dark, filled } = coloursOf(colour);
  const rule = (scheme: string, text: string) =>
    `html:root[data-mantine-color-scheme="${scheme}"]{--accent:${text};--accent-text:${text};` +
    `--mantine-color-anchor:${text};--pressed:color-mix(in srgb,${text} 14%,transparent);` +
    `--mantine-color-violet-filled:${filled};` +
    `--mantine-color-violet-filled-hover:color-mix(in srgb,${filled} 88%,#000);` +
    `--mantine-primary-color-filled:${filled};` +
    `--mantine-primary-color-filled-hover:color-mix(in srgb,${filled} 88%,#000)}`;
  return rule("light", light) + rule("dark", dark);
}

/** Shows it everywhere; nothing is kept. */
export function showBrand(view: BrandingView): void {
  brand = view;
  sheet.textContent = stylesOf(view.colour);
  const icon = document.querySelector<HTMLLinkElement>("link[rel=icon]");
  if (icon !== null) {
    icon.href = iconUrl(view);
    if (view.logo === undefined) icon.type = "image/svg+xml";
    else icon.removeAttribute("type");
  }
  document.title = document.title.replace(/^(\(\d+\) )?.*$/, (_, unread = "") => `${String(unread)}${brandName(view)}`);
  for (const listener of listeners) listener();
}

/** The icon of the tab, and of notices. */
export const iconUrl = ({ logo }: BrandingView): string => (logo === undefined ? at("/icon.svg") : logoUrl(logo));
export const logoUrl = (hash: string): string => at(`/api/v1/branding/logo/${hash}`);
export const brandName = ({ name }: BrandingView): string => name ?? "Plexus";

async function look(): Promise<void> {
  const found = await call("branding.show");
  if (found.ok && JSON.stringify(found.value) !== JSON.stringify(brand)) showBrand(found.value);
}

void look();
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") void look();
});

const subscribe = (listener: () => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

/** How the cluster looks now. */
export const useBrand = (): BrandingView => useSyncExternalStore(subscribe, () => brand);
