// Pictures of every page, light and dark, wide and narrow: node screenshots.mjs DIRECTORY
import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { THEMES, WIDTHS, signIn, start, visitor } from "./browser.mjs";
import { ADMINISTRATOR, accept, furnish } from "./house.mjs";
import { lived, pages } from "./pages.mjs";
import { serve, simulate } from "./service.mjs";

const into = resolve(process.argv[2] ?? "screenshots");
mkdirSync(into, { recursive: true });
const [chromium, server, sim] = await Promise.all([start(), serve(), simulate()]);
try {
  const ann = await visitor(chromium, { base: server.base });
  await ann.page.goto(new URL(server.link).pathname);
  await ann.page.screenshot({ path: join(into, "first-start-light-1280.png"), fullPage: true });
  await accept(ann.page, server.link, ADMINISTRATOR);
  await ann.page.screenshot({ path: join(into, "overview-empty-light-1280.png"), fullPage: true });
  await furnish(server, sim);
  await lived(server, sim);
  const all = await pages(server, ann.page);
  for (const theme of THEMES) {
    for (const width of WIDTHS) {
      const { context, page } = await visitor(chromium, { base: server.base, theme, width });
      await page.goto("/sign-in");
      await page.screenshot({ path: join(into, `sign-in-${theme}-${width}.png`), fullPage: true });
      await signIn(page, ADMINISTRATOR);
      for (const [name, path] of all) {
        await page.goto(path);
        await page.waitForTimeout(150);
        await page.screenshot({ path: join(into, `${name}-${theme}-${width}.png`), fullPage: true });
      }
      await context.close();
    }
  }
  console.log(`${all.length + 3} pages are in ${into}`);
} finally {
  await Promise.allSettled([chromium.end(), server.stop(), sim.stop()]);
}
