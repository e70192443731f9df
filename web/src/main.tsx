import "./model/locale.ts";
import "./view/mantine.css";
import "./view/style.css";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { App } from "./view/shell/app.tsx";
import { ScreenBoundary } from "./view/shell/broken-screen.tsx";
import { keepComposing } from "./view/parts/keys.ts";
import { theme } from "./view/parts/theme.ts";

// Before anything else listens.
keepComposing(window);

const queries = new QueryClient({
  // Lists change by events of the wire; asking again on every focus would only add load.
  // What a browser says of the network is not waited for: the node may be on the same machine.
  defaultOptions: {
    queries: { refetchOnWindowFocus: false, retry: 1, staleTime: 30_000, networkMode: "always" },
  },
});

const place = document.getElementById("page");
if (place !== null)
  createRoot(place).render(
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <ScreenBoundary>
          <App />
        </ScreenBoundary>
      </QueryClientProvider>
    </MantineProvider>,
  );
