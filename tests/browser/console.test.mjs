// The console as people use it: first start, the wizard with every mistake that can be put right, what waits,
// rules, products, readers. One server and one set of tenants for all; tests build on each other in this order.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { signIn, start, visitor } from "./browser.mjs";
import { ADMINISTRATOR, READER, accept } from "./house.mjs";
import { ran, serve, simulate } from "./service.mjs";

let chromium, server, sim, ann, link;

before(async () => {
  server = await serve();
  sim = await simulate();
  chromium = await start();
  ann = await visitor(chromium, { base: server.base });
}, { timeout: 60_000 });

after(async () => {
  await Promise.allSettled([chromium?.end(), server?.stop(), sim?.stop()]);
});

const text = (selector = "main") => ann.page.locator(selector).innerText();
const press = async (name) => { await ann.page.getByRole("button", { name, exact: false }).first().click(); };
const proceed = () => press("Continue");

/** Runs the wizard's test and gives what the failed step says, or null. */
async function tested() {
  await ann.page.getByRole("button", { name: /^Test/ }).click();
  await ann.page.waitForFunction(() => document.querySelectorAll("#checks li").length >= 5
    && !document.querySelector("#run-test").disabled);
  const failed = ann.page.locator("#checks li:has(.sign.bad)");
  return (await failed.count()) ? failed.first().innerText() : null;
}

/** From the test that went well to the directory; a group with power is asked about on the way. */
async function finish(name, provider) {
  const { id } = await sim.control(provider, "POST", "groups", { name: "jira-administrators" });
  await ann.page.getByRole("link", { name: "Continue" }).click();
  await ann.page.waitForSelector("#outlook table", { timeout: 30_000 });
  assert.match(await text("#outlook"), /More than \d+ people leaving, .* within a day wait for you/);
  const limits = ann.page.locator("details", { hasText: "How many may go within a day" });
  assert.equal(await limits.getAttribute("open"), "", "the question about limits is open");
  assert.equal(await ann.page.locator("#outlook tbody tr").count(), 10, "ten real people");
  await proceed();
  assert.match(await text(), /Everything is read already/);
  assert.match(await text("fieldset"), /jira-administrators has power in a product/);
  const { width, height } = ann.page.viewportSize();
  await ann.page.setViewportSize({ width: 390, height });
  const excess = await ann.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(excess <= 0, `${excess} px wider than a narrow screen`);
  await ann.page.setViewportSize({ width, height });
  await ann.page.fill("#name", name);
  await press("Start the first synchronisation");
  assert.match(ann.page.url(), /\/sync$/, "without an answer the form is not sent");
  await ann.page.check(`input[name="power:${id}"][value=ours]`);
  await press("Start the first synchronisation");
  await ann.page.waitForURL(`/connect/done/${name}`);
  assert.match(await text(), /Complete\. \d+ people/);
  const directory = await server.api("GET", `/directories/${name}`);
  assert.equal(directory.runs.at(-1).kind, "full");
  assert.ok(directory.size.users > 100 && !directory.paused);
}

test("first start: the link makes one administrator, once", async () => {
  const { page } = ann;
  await page.goto("/");
  assert.match(page.url(), /sign-in/);
  assert.match(await text(), /no administrator yet/);
  await page.goto(new URL(server.link).pathname);
  await page.fill("#name", ADMINISTRATOR.username);
  await page.fill("#password", ADMINISTRATOR.password);
  await page.fill("#again", "something else entirely");
  await page.click("main button.primary");
  assert.match(await text(), /not the same/);
  assert.equal(await page.inputValue("#name"), ADMINISTRATOR.username, "what was typed is still there");
  await accept(page, server.link, ADMINISTRATOR);
  assert.match(await text(), /No directory yet/);
  await page.goto(new URL(server.link).pathname);
  assert.match(await text(), /does not work any more/);
});

test("signing out and in, with a wrong password first", async () => {
  const { page } = ann;
  await page.goto("/account");
  await page.click("text=Sign out >> nth=0");
  await page.waitForURL("/sign-in");
  await page.goto("/changes?since=day");
  await page.fill("#name", ADMINISTRATOR.username);
  await page.fill("#password", "wrong");
  await page.click("main button.primary");
  assert.match(await text(), /Name or password is wrong/);
  await page.fill("#password", ADMINISTRATOR.password);
  await page.click("main button.primary");
  await page.waitForURL("/changes?since=day");
  const cookies = await ann.context.cookies();
  const session = cookies.find((cookie) => cookie.name === "muster-session");
  assert.ok(session.httpOnly && session.sameSite === "Lax");
});

test("wizard, Entra ID: wrong id, Secret ID, no such tenant, wrong secret, no consent; then a directory", async () => {
  const { page } = ann;
  const { entra } = sim.tenants;
  await page.goto("/connect");
  await press("Microsoft Entra ID");
  const draft = new URL(page.url()).pathname.split("/")[2];
  assert.match(await text(), new RegExp(`${server.base}/connect/entra/consent`));
  await page.fill("#client_id", "my app");
  await proceed();
  assert.match(await text(), /no Application \(client\) ID/);
  assert.equal(await page.inputValue("#client_id"), "my app");
  await page.fill("#client_id", entra.client_id);
  await proceed();

  await press("Make a certificate");
  const download = page.waitForEvent("download");
  await page.click("text=Download muster.cer");
  const certificate = readFileSync(await (await download).path(), "utf8");
  assert.match(certificate, /BEGIN CERTIFICATE/);
  assert.doesNotMatch(certificate, /PRIVATE/);
  await page.check("input[name=kind][value=secret]");
  await page.fill("#secret", "11111111-2222-3333-4444-555555555555");
  await proceed();
  assert.match(await text(), /looks like the Secret ID/);
  await page.fill("#secret", "wrong~secret");
  await proceed();

  const consent = await page.getByRole("link", { name: "Grant admin consent" }).getAttribute("href");
  const state = new URL(consent).searchParams.get("state");
  await page.goto(`/connect/entra/consent?state=forged&admin_consent=True&tenant=${entra.tenant}`);
  assert.match(await text(), /was not asked for/);
  await page.goto(`/connect/entra/consent?state=${state}&error=permission_denied`);
  assert.match(await text(), /cancelled/);
  const second = await page.getByRole("link", { name: "Grant admin consent" }).getAttribute("href");
  const renewed = new URL(second).searchParams.get("state");
  assert.notEqual(renewed, state, "an answer is good once");
  await page.goto(`/connect/entra/consent?state=${renewed}&admin_consent=True`);
  assert.match(await text(), /Consent was granted/);
  await proceed();

  await page.fill("#tenant", "nobody.example");
  await page.click("summary");
  await page.fill("#authority", entra.authority);
  await page.fill("#graph", entra.graph);
  await proceed();
  assert.match(await text(), /tenant/i);
  assert.equal(await page.locator("#tenant-problem").count(), 1);
  assert.equal(await page.inputValue("#authority"), entra.authority, "what was typed is still there");
  const domain = (await sim.control("entra", "GET", "truth")).users[0].login.split("@")[1];
  await page.fill("#tenant", domain);
  await proceed();

  assert.match(await tested(), /E-SECRET\b/);
  // The browser is closed and the work goes on another day.
  await page.goto("/connect");
  assert.match(await text(), /Begun and not finished/);
  await page.goto(`/connect/${draft}/tenant`);
  assert.equal(await page.inputValue("#tenant"), entra.tenant, "the domain became the id");
  await page.goto(`/connect/${draft}/credential`);
  assert.equal(await page.inputValue("#secret"), "", "a secret is never sent back");
  assert.match(await text(), /One is kept/);
  await page.fill("#secret", entra.client_secret);
  await proceed();
  await sim.control("entra", "POST", "revoke", { what: "consent" });
  await page.goto(`/connect/${draft}/test`);
  assert.match(await tested(), /E-CONSENT/);
  await sim.control("entra", "POST", "grant", { what: "consent" });
  assert.equal(await tested(), null);
  await finish("contoso", "entra");
});

test("wizard, Google Workspace: no key file, no delegation, no such administrator; then a directory", async () => {
  const { page } = ann;
  const { google } = sim.tenants;
  const key = readFileSync(google.key_file, "utf8");
  await page.goto("/connect");
  await press("Google Workspace");
  await page.fill("#secret", '{"web":{"client_id":"1"}}');
  await proceed();
  assert.match(await text(), /not a service account's key file/);
  await page.setInputFiles("#file", google.key_file);
  await page.waitForFunction((length) => document.querySelector("#secret").value.length >= length, key.trim().length);
  await proceed();
  assert.match(await text("#number"), new RegExp(`^${JSON.parse(key).client_id}$`));
  assert.match(await text("#scopes"), /admin\.directory\.user\.readonly,https:/);
  await proceed();
  await page.fill("#subject", "nobody@fabrikam.example");
  await page.click("summary");
  await page.fill("#token_uri", google.token_uri);
  await page.fill("#api", google.api);
  await proceed();
  assert.match(await tested(), /G-SUBJECT/);
  await page.locator(".steps").getByRole("link", { name: "Administrator" }).click();
  await page.fill("#subject", google.subject);
  await proceed();
  await sim.control("google", "POST", "revoke", { what: "consent" });
  assert.match(await tested(), /G-DWD/);
  await sim.control("google", "POST", "grant", { what: "consent" });
  assert.equal(await tested(), null);
  await finish("workspace", "google");
});

test("wizard, Okta: Admin Console, wrong host, unknown key, no role; then a directory", async () => {
  const { page } = ann;
  const { okta } = sim.tenants;
  await page.goto("/connect");
  await press("Okta");
  await page.fill("#url", "https://example-admin.okta.com/admin");
  await proceed();
  assert.match(await text(), /https:\/\/example\.okta\.com/);
  await page.fill("#url", new URL(okta.url).origin);
  await proceed();
  await press("Make a key");
  const jwk = await text("#jwk");
  assert.doesNotMatch(jwk, /"d"/);
  await page.fill("#client_id", okta.client_id);
  await proceed();
  await proceed();
  assert.match(await tested(), /O-URL/);
  await page.getByRole("link", { name: "Organisation", exact: false }).first().click();
  await page.fill("#url", okta.url);
  await proceed();
  await page.getByRole("link", { name: "Test", exact: false }).first().click();
  assert.match(await tested(), /O-KEY/);
  await sim.control("okta", "POST", "keys", JSON.parse(jwk));
  await sim.control("okta", "POST", "revoke", { what: "scope" });
  assert.match(await tested(), /O-SCOPE/);
  await sim.control("okta", "POST", "grant", { what: "scope" });
  await sim.control("okta", "POST", "revoke", { what: "role" });
  assert.match((await tested()) ?? (await text("#checks")), /O-ROLE/);
  await sim.control("okta", "POST", "grant", { what: "role" });
  assert.equal(await tested(), null);
  await finish("okta", "okta");
});

test("a product is connected: the values, and a light that turns green", async () => {
  const { page } = ann;
  await page.goto("/applications/new");
  await page.check("input[name=product][value=jira]");
  await page.check("input[name=directory][value=contoso]");
  await press("Make name and password");
  await page.waitForURL(/\/applications\/jira\/connect/);
  assert.match(await text(), /Waiting for the first request/);
  const values = await page.locator(".copy code").allInnerTexts();
  const [url, name, password] = values;
  assert.equal(url, `${server.base}/crowd`);
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
  const answer = await fetch(`${url}/rest/usermanagement/1/search?entity-type=user&max-results=1`, {
    headers: { authorization, "user-agent": "Jira" },
  });
  assert.equal(answer.status, 200);
  await page.waitForSelector(".lamp.on");
  assert.match(await text(), /It calls/);
  for (const product of ["confluence", "gitlab", "jenkins", "nexus", "other"]) {
    await page.goto(`/applications/jira/connect?product=${product}`);
    assert.match(await text(), new RegExp(password), "the password can still be seen for a while");
  }
});

test("a rule is changed after its preview", async () => {
  const { page } = ann;
  await page.goto("/directories/contoso/rules");
  await page.check("input[name=guests][value=included]");
  await page.waitForSelector("#outlook table");
  const outlook = await text("#outlook");
  const added = Number(outlook.match(/At once: (\d+) (?:person|people) added/)?.[1]);
  assert.ok(added > 0, outlook);
  const before = (await server.api("GET", "/directories/contoso")).size.users;
  // Somebody else saved rules meanwhile: what was chosen stands there still, and is saved only when it is pressed again.
  await page.locator("form[action$='/rules'] input[name=seen]").evaluate((input) => { input.value = "0000"; });
  await press("Save the rules");
  assert.match(await text(), /Somebody saved other rules since/);
  assert.equal((await server.api("GET", "/directories/contoso")).size.users, before);
  assert.ok(await page.isChecked("input[name=guests][value=included]"));
  await press("Save the rules");
  assert.match(await text(), /The rules are saved/);
  assert.equal((await server.api("GET", "/directories/contoso")).size.users, before + added);
});

test("rules of every kind are written as text, and refused with their place", async () => {
  const { page } = ann;
  await page.goto("/directories/contoso/rules");
  await page.fill("#groups_except", "no such group\nold-*");
  await page.waitForFunction(() => document.querySelector("#outlook table"));
  await press("Save the rules");
  assert.match(await text(), /The rules are saved/);
  assert.equal(await page.inputValue("#groups_except"), "no such group\nold-*");
  await page.click("text=All rules as text");
  const rules = JSON.parse(await page.inputValue("#text"));
  rules.people.filter = "user.department ==";
  await page.fill("#text", JSON.stringify(rules));
  await press("Save the text");
  assert.match(await text("#outlook"), /people\.filter/i);
  rules.people.filter = null;
  rules.everyone = ["everybody"];
  await page.click("text=All rules as text");
  await page.fill("#text", JSON.stringify(rules));
  await press("Save the text");
  assert.match(await text(), /The rules are saved/);
  assert.deepEqual((await server.api("GET", "/directories/contoso")).rules.everyone, ["everybody"]);
});

test("what waits is seen exactly, and approved by what was seen", async () => {
  const { page } = ann;
  const truth = await sim.control("entra", "GET", "truth");
  const leavers = truth.users.filter((user) => !user.guest && user.active).slice(0, 60);
  for (const user of leavers) await sim.control("entra", "DELETE", `users/${user.id}`);
  const { ticket } = await server.api("POST", "/directories/contoso/sync", { full: false });
  await ran(server, "contoso", ticket);
  await page.goto("/");
  assert.match(await text(), /waits for you/);
  await page.click("text=Look at what waits");
  assert.match(await text(), /would become inactive or be removed/);
  const shown = await page.locator("section:has(input[value=people_leaving]) .diff li").count();
  const card = page.locator("section:has(input[value=people_leaving])");
  await card.locator("input[type=text]").fill("they left the company");
  const stale = await card.locator("input[name=digest]").inputValue();
  // Somebody else decided meanwhile: nothing happens.
  await card.locator("input[name=digest]").evaluate((input) => { input.value = "0000"; });
  await card.getByRole("button", { name: "Approve" }).click();
  assert.match(await text(), /That did not work/);
  const again = page.locator("section:has(input[value=people_leaving])");
  assert.equal(await again.locator("input[name=digest]").inputValue(), stale);
  await again.locator("input[type=text]").fill("they left the company");
  await again.getByRole("button", { name: "Approve" }).click();
  assert.match(await text(), new RegExp(`Approved: .*${shown} people (changed|deactivated)`));
  await page.goto("/audit?q=approve");
  assert.match(await text(), /directory\.approve/);
  assert.match(await text(), /they left the company/);
});

test("a run is taken back after a look, and the directory goes on after another", async () => {
  const { page } = ann;
  const before = (await server.api("GET", "/directories/contoso")).size.users;
  await sim.control("entra", "POST", "users", { login: "mistake@contoso.example", display_name: "Mistake" });
  const { ticket } = await server.api("POST", "/directories/contoso/sync", { full: false });
  await ran(server, "contoso", ticket);
  assert.equal((await server.api("GET", "/directories/contoso")).size.users, before + 1);
  await page.goto("/directories/contoso/runs");
  await page.locator("a:has-text('Put back to before this run')").first().click();
  assert.match(await text(), /This would happen: 1 person removed/);
  assert.match(await text(".diff"), /mistake@contoso\.example\s*Removed/);
  // What is shown is old by now: nothing happens.
  await page.locator("form[action$='/undo'] input[name=digest]").evaluate((input) => { input.value = "0000"; });
  await press("Put it back");
  assert.match(await text(), /That did not work\. It would change something else than what was shown/);
  assert.equal((await server.api("GET", "/directories/contoso")).size.users, before + 1);
  await page.locator("a:has-text('Put back to before this run')").first().click();
  await page.fill("#reason", "the mistake in HR");
  await press("Put it back");
  assert.match(await text(), /Put back: 1 person removed/);
  assert.match(await text(), /It was put back on .* \(the mistake in HR\), and stays so/);
  assert.equal((await server.api("GET", "/directories/contoso")).size.users, before);
  await page.goto("/");
  assert.match(await text(), /put back/);
  await page.goto("/directories/contoso");
  await page.click("text=Let it follow its provider again");
  assert.match(await text(), /This would happen: 1 person added/);
  await press("Let it go on");
  assert.match(await text(), /follows its provider again: 1 person added/);
  assert.doesNotMatch(await text(), /It was put back/);
  assert.equal((await server.api("GET", "/directories/contoso")).size.users, before + 1);
  for (const address of ["/directories/contoso/undo?run=x", "/directories/contoso/people?page=x"]) {
    await page.goto(address);
    assert.match(await text(), /cannot read.*Go back/s, "a page, and not the framework's words");
  }
  // Nothing is there to be let go on any more.
  await page.goto("/directories/contoso/undo");
  assert.match(await text(), /The directory is not pinned/);
  await page.goto("/audit?q=undo");
  assert.match(await text(), /directory\.undo/);
  assert.match(await text(), /the mistake in HR/);
});

test("people are found as one types, and explained", async () => {
  const { page } = ann;
  const truth = await sim.control("entra", "GET", "truth");
  const person = truth.users.find((user) => user.active && !user.guest && /^[a-z.]+@/.test(user.login));
  await page.goto("/directories/contoso/people");
  await page.fill("#q", person.login.slice(0, 6));
  await page.waitForFunction((login) => document.querySelector("#results").innerText.includes(login)
    && location.search.includes("q="), person.login);
  await page.click(`text=${person.login}`);
  assert.match(await text(), /Why this person is here/);
  assert.match(await text(), /Served since/);
  await sim.control("entra", "PATCH", `users/${person.id}`, { display_name: "Read At Once" });
  await press("Read this person now");
  assert.match(await text(), /Read: 1 person changed/);
  assert.match(await text(), /Read At Once/);
  const guest = truth.users.find((user) => !user.active);
  await page.goto("/directories/contoso");
  await page.fill("#user", guest.login);
  await press("Explain");
  assert.match(await text(), /Why this person is/);
});

test("changes appear by themselves, and can be had as a file", async () => {
  const { page } = ann;
  await page.goto("/changes?directory=contoso");
  await page.waitForTimeout(300);
  const { id } = await sim.control("entra", "POST", "users", {
    login: "newcomer@contoso.example", email: "newcomer@contoso.example", display_name: "New <b>Comer</b>",
    first_name: "New", last_name: "Comer", active: true,
  });
  assert.ok(id);
  await server.api("POST", "/directories/contoso/sync", { full: false });
  await page.waitForSelector("tr.fresh:has-text('newcomer@contoso.example')", { timeout: 20_000 });
  const csv = await page.evaluate(async () => (await fetch("/changes/export.csv?directory=contoso")).text());
  assert.match(csv, /^seq,at,directory,kind,name,what\r\n/);
  assert.match(csv, /newcomer@contoso\.example,added/);
});

test("a reader looks at everything and changes nothing", async () => {
  const { page } = ann;
  await page.goto("/administrators");
  await page.fill("#name", READER.username);
  await page.check("input[type=radio][value=reader]");
  await press("Make a one-time link");
  link = await text("#link");
  const rita = await visitor(chromium, { base: server.base });
  await accept(rita.page, link, READER);
  for (const path of ["/directories/contoso/rules", "/directories/contoso/settings", "/applications/jira",
    "/administrators", "/audit"]) {
    await rita.page.goto(path);
    assert.equal(await rita.page.locator("main form[method=post]").count(), 0, `${path} offers nothing to change`);
  }
  await rita.page.goto("/connect");
  assert.match(await rita.page.innerText("main"), /needs an administrator/);
  const answers = await rita.page.evaluate(async () => {
    const paths = ["/directories/contoso/pause", "/directories/contoso/remove", "/applications/jira/password",
      "/administrators/ann/remove", "/connect"];
    return Promise.all(paths.map(async (path) => (await fetch(path, { method: "POST" })).status));
  });
  assert.deepEqual(answers, [403, 403, 403, 403, 403]);
  assert.equal((await server.api("GET", "/directories/contoso")).paused, false);
  assert.deepEqual(rita.complaints, []);
});

test("without scripts the console does the same", async () => {
  const plain = await visitor(chromium, { base: server.base, scripts: false });
  await signIn(plain.page, ADMINISTRATOR, "/directories/contoso/people");
  await plain.page.fill("#q", "newcomer");
  await plain.page.getByRole("button", { name: "Search" }).click();
  assert.match(await plain.page.innerText("#results"), /newcomer@contoso/);
  await plain.page.goto("/directories/contoso/rules");
  await plain.page.fill("#grace_days", "7");
  await plain.page.getByRole("button", { name: "Preview" }).click();
  assert.match(await plain.page.innerText("#outlook"), /Served\s+Now\s+Then\s+People\s+\d+/);
  assert.equal(await plain.page.inputValue("#grace_days"), "7");
  await plain.page.getByRole("button", { name: "Save the rules" }).click();
  assert.match(await plain.page.innerText("main"), /The rules are saved/);
  await plain.page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await plain.page.getAttribute("html", "data-theme"), "dark");
});

test("a page of somebody else changes nothing, and no page runs anybody else's script", async () => {
  const cookie = (await ann.context.cookies()).map((one) => `${one.name}=${one.value}`).join("; ");
  const post = (headers) => fetch(`${server.base}/directories/contoso/pause`, {
    method: "POST", headers: { cookie, ...headers }, redirect: "manual",
  });
  assert.equal((await post({})).status, 403);
  assert.equal((await post({ origin: "https://evil.example" })).status, 403);
  assert.equal((await post({ "sec-fetch-site": "cross-site", origin: server.base })).status, 403);
  const home = await fetch(server.base, { headers: { cookie } });
  const policy = home.headers.get("content-security-policy");
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  assert.doesNotMatch(policy, /unsafe/);
  const rebound = await fetch(server.base, { headers: { cookie, host: "evil.example" } });
  assert.ok(rebound.status === 403 || rebound.url.includes("127.0.0.1"));
});

test("no page complained, and none asked another host", () => {
  assert.deepEqual(ann.complaints, []);
});
