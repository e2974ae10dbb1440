// One Chromium for all tests. Every page is watched: no console error, no failed script, no request to another host.
import { readFileSync } from "node:fs";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const ARGUMENTS = [
  "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
  "--disable-default-apps", "--no-default-browser-check",
];

export const WIDTHS = [1280, 390];
export const THEMES = ["light", "dark"];

/** Starts Chromium with a profile of its own; `end` closes it and removes the profile. */
export async function start() {
  const profile = mkdtempSync(join(tmpdir(), "muster-chromium-"));
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: ARGUMENTS });
  const end = async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { browser: context.browser(), context, end };
}

/** A fresh visitor without cookies, whose pages are watched; `complaints` holds what was seen. */
export async function visitor(started, { base, width = 1280, theme = "light", scripts = true } = {}) {
  const context = await started.context.browser().newContext({
    baseURL: base,
    viewport: { width, height: width < 500 ? 844 : 900 },
    colorScheme: theme,
    javaScriptEnabled: scripts,
    reducedMotion: "reduce",
  });
  const complaints = [];
  const own = new URL(base).host;
  context.on("page", (page) => {
    page.setDefaultTimeout(15_000);
    page.on("console", (message) => {
      // The browser itself reports answers such as 401 and 422, which tests ask for.
      const refused = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !refused) complaints.push(`${page.url()}: ${message.text()}`);
    });
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error}`));
    page.on("request", (request) => {
      const url = new URL(request.url());
      if (["http:", "https:"].includes(url.protocol) && url.host !== own) complaints.push(`asked ${url}`);
    });
  });
  return { context, complaints, page: await context.newPage() };
}

/** Signs in and goes on to a page. */
export async function signIn(page, { username, password }, to = "/") {
  await page.goto(`/sign-in?next=${encodeURIComponent(to)}`);
  await page.fill("#name", username);
  await page.fill("#password", password);
  await page.click("main button.primary");
  await page.waitForURL((url) => !url.pathname.startsWith("/sign-in"));
}

/** What axe-core finds on a page, as lines; empty when it finds nothing. */
export async function violations(page) {
  // The page's own policy forbids foreign scripts; axe is run past it, in the page's context.
  await page.evaluate(axe);
  const found = await page.evaluate(() => axe.run(document, {
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  return found.violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target.join(" ")} (${violation.help})`));
}
