// Every page, by name: what axe-core looks at, and what screenshots are made of.
export async function pages(server, page) {
  const first = async (path, selector) => {
    await page.goto(path);
    return page.locator(selector).first().getAttribute("href");
  };
  const person = await first("/directories/entra/people", "#results tbody a");
  const group = await first("/directories/entra/groups", "#results tbody a");
  const undo = await first("/directories/entra/runs", "a[href*='/undo?run=']");
  const all = [
    ["overview", "/"], ["directory", "/directories/entra"], ["people", "/directories/entra/people"],
    ["people-none", "/directories/entra/people?q=nobody-is-called-this"], ["person", person],
    ["groups", "/directories/entra/groups"], ["group", group], ["rules", "/directories/entra/rules"],
    ["runs", "/directories/entra/runs"], ["waiting", "/directories/entra/waiting"],
    ["undo", undo],
    ["directory-put-back", "/directories/google"], ["unpin", "/directories/google/undo"],
    ["waiting-none", "/directories/okta/waiting"], ["set-aside", "/directories/entra/set-aside"],
    ["directory-settings", "/directories/entra/settings"], ["applications", "/applications"],
    ["application", "/applications/jira"], ["application-new", "/applications/new"],
    ["product-jira", "/applications/jira/connect?product=jira"],
    ["product-gitlab", "/applications/jira/connect?product=gitlab"], ["changes", "/changes"],
    ["administrators", "/administrators"], ["tokens", "/tokens"], ["api", "/api"],
    ["alerts", "/alerts"], ["tasks", "/tasks"], ["audit", "/audit"], ["settings", "/settings"],
    ["account", "/account"], ["nothing", "/no/such/page"], ["wizard", "/connect"],
    ["wizard-done", "/connect/done/okta"],
  ];
  const steps = {
    entra: ["app", "credential", "permissions", "tenant", "test", "rules", "sync"],
    google: ["key", "delegation", "administrator"],
    okta: ["organisation", "credential", "grants"],
  };
  for (const [provider, slugs] of Object.entries(steps)) {
    await page.goto("/connect");
    await page.click(`button[value=${provider}]`);
    await page.waitForURL(/connect\/[^/]+\/[^/]+$/);
    const draft = new URL(page.url()).pathname.split("/")[2];
    if (provider !== "google") {
      await page.goto(`/connect/${draft}/credential`);
      await page.getByRole("button", { name: /^Make a/ }).click();
      await page.waitForURL(/credential$/);
    }
    for (const slug of slugs) all.push([`wizard-${provider}-${slug}`, `/connect/${draft}/${slug}`]);
  }
  return all;
}

/** Things for pages to show: a product, an invitation, people leaving, a directory that was put back. */
export async function lived(server, sim) {
  const { ran } = await import("./service.mjs");
  await server.api("POST", "/applications", { name: "jira", directories: ["entra", "google"], addresses: ["10.0.0.0/8", "127.0.0.1"] });
  await server.api("POST", "/applications", { name: "confluence", directories: ["okta"] });
  const truth = await sim.control("entra", "GET", "truth");
  for (const user of truth.users.filter((user) => user.active && !user.guest).slice(0, 40)) {
    await sim.control("entra", "DELETE", `users/${user.id}`);
  }
  await sim.control("entra", "POST", "users", { login: "newcomer@contoso.example", display_name: "Newcomer" });
  const { ticket } = await server.api("POST", "/directories/entra/sync", { full: false });
  await ran(server, "entra", ticket);
  const { items: [last] } = await server.api("GET", "/changes?directory=google&limit=1");
  const domain = (await sim.control("google", "GET", "truth")).users[0].login.split("@")[1];
  for (const no of [1, 2, 3]) {
    await sim.control("google", "POST", "users", { login: `mistake${no}@${domain}`, display_name: `Mistake ${no}` });
  }
  const full = await server.api("POST", "/directories/google/sync", { full: true });
  await ran(server, "google", full.ticket);
  await server.api("POST", "/directories/google/undo", { to: last.seq, reason: "a mistake in HR" });
}
