import { createTheme, type MantineColorsTuple } from "@mantine/core";

const violet: MantineColorsTuple = [
  "#eef0ff", "#dfe2fe", "#c3c8fc", "#a4abf9", "#8a90f5", "#7277f0", "#6160ea", "#4f46e5", "#4339ca", "#372fa6",
]; // prettier-ignore

/** Mantine's part of the look; the page's own colours are the variables of `style.css`. */
export const theme = createTheme({
  primaryColor: "violet",
  colors: { violet },
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: "650" },
  respectReducedMotion: true,
});
