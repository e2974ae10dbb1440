// axe-core on every page, in both themes, wide and narrow; and nothing is wider than the screen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { THEMES, WIDTHS, signIn, start, violations, visitor } from "./browser.mjs";
import { ADMINISTRATOR, accept, furnish } from "./house.mjs";
import { lived, pages } from "./pages.mjs";
import { serve, simulate } from "./service.mjs";

let chromium, server, sim, all;

before(async () => {
  server = await serve();
  sim = await simulate();
  chromium = await start();
  const ann = await visitor(chromium, { base: server.base });
  await accept(ann.page, server.link, ADMINISTRATOR);
  await furnish(server, sim);
  await lived(server, sim);
  all = await pages(server, ann.page);
  await ann.context.close();
}, { timeout: 120_000 });

after(async () => {
  await Promise.allSettled([chromium?.end(), server?.stop(), sim?.stop()]);
});

for (const theme of THEMES) {
  for (const width of WIDTHS) {
    test(`every page is fit for everybody: ${theme}, ${width} px`, async () => {
      const { context, page, complaints } = await visitor(chromium, { base: server.base, theme, width });
      const found = [];
      await page.goto("/sign-in");
      found.push(...(await violations(page)).map((line) => `sign-in: ${line}`));
      await signIn(page, ADMINISTRATOR);
      for (const [name, path] of all) {
        await page.goto(path);
        found.push(...(await violations(page)).map((line) => `${name}: ${line}`));
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        if (excess > 0) found.push(`${name}: ${excess} px too wide`);
      }
      await context.close();
      assert.deepEqual(found, []);
      assert.deepEqual(complaints, []);
    });
  }
}
