// A server with an administrator and directories of the simulated tenants, connected past the wizard.
import { readFileSync } from "node:fs";
import { ran } from "./service.mjs";

export const ADMINISTRATOR = { username: "ann", password: "four quiet green lamps" };
export const READER = { username: "rita", password: "seven small brown doors" };

/** Follows a one-time link. */
export async function accept(page, link, { username, password }) {
  await page.goto(new URL(link).pathname);
  if (await page.locator("#name").count()) await page.fill("#name", username);
  await page.fill("#password", password);
  await page.fill("#again", password);
  await page.click("main button.primary");
  await page.waitForURL("/");
}

/** Connects the simulated tenants through the admin API, and waits for their first runs. */
export async function furnish(server, { tenants }, providers = ["entra", "google", "okta"]) {
  const settings = {
    entra: () => [{ authority: tenants.entra.authority, graph: tenants.entra.graph, tenant: tenants.entra.tenant,
      client_id: tenants.entra.client_id }, tenants.entra.client_secret],
    google: () => [{ token_uri: tenants.google.token_uri, api: tenants.google.api, subject: tenants.google.subject,
      requests_per_minute: "0" }, readFileSync(tenants.google.key_file, "utf8")],
    okta: () => [{ url: tenants.okta.url }, tenants.okta.token],
  };
  for (const name of providers) {
    const [values, secret] = settings[name]();
    await server.api("POST", "/directories", { name, provider: name, settings: values, secret });
  }
  for (const name of providers) await ran(server, name, 1);
}
