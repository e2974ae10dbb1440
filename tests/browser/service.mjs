// The server and the simulated tenants, each as an operator starts it, in directories of their own.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const BINARY = process.env.MUSTER_BIN ?? resolve(import.meta.dirname, "../../target/release/muster");

/** Starts a command and waits for a line of its output that `wanted` makes something of. */
function launch(args, wanted) {
  const child = spawn(BINARY, args, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const ready = new Promise((done, failed) => {
    const look = (chunk) => {
      said += chunk;
      const found = wanted(said);
      if (found) done(found);
    };
    child.stdout.on("data", look);
    child.stderr.on("data", (chunk) => { said += chunk; });
    child.on("error", failed);
    child.on("exit", (code) => failed(new Error(`${args[0]} ended with ${code}: ${said}`)));
  });
  const stop = () => new Promise((done) => {
    child.removeAllListeners("exit");
    child.on("exit", done);
    child.kill("SIGTERM");
  });
  return { ready, stop, output: () => said };
}

/** Simulated tenants of all three providers; `control` changes what is true there. */
export async function simulate({ users = 200, groups = 24, memberships = 1200 } = {}) {
  const args = ["simulate", "--listen", "127.0.0.1:0", "--users", `${users}`, "--groups", `${groups}`,
    "--memberships", `${memberships}`];
  const running = launch(args, (said) => said.includes("\n") && JSON.parse(said.split("\n")[0]));
  const tenants = await running.ready;
  const control = async (provider, method, path, body) => {
    const answer = await fetch(`${tenants.control}/${provider}/${path}`, {
      method, body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    const text = await answer.text();
    return text ? JSON.parse(text) : null;
  };
  return { tenants, control, stop: running.stop };
}

/** A server without anything in it; `link` is the one of its first start. */
export async function serve() {
  const data = mkdtempSync(join(tmpdir(), "muster-browser-"));
  const running = launch(["serve", "--data", data, "--listen", "127.0.0.1:0"], (said) => {
    const base = said.match(/listens on (\S+)/)?.[1];
    const link = said.match(/first administrator at (\S+)/)?.[1];
    return base && link && { base, link };
  });
  const { base, link } = await running.ready;
  const { token } = JSON.parse(readFileSync(join(data, "admin.json"), "utf8"));
  const api = async (method, path, body) => {
    const answer = await fetch(`${base}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : null;
  };
  const stop = async () => {
    await running.stop();
    rmSync(data, { recursive: true, force: true });
  };
  return { base, link, api, stop, data, output: running.output };
}

/** Waits until the run with this number has ended. */
export async function ran(server, directory, ticket) {
  for (let tries = 0; tries < 300; tries += 1) {
    const status = await server.api("GET", `/directories/${directory}/status`);
    if (status.completed >= ticket && status.phase === "idle") return status.last;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`the run of ${directory} did not end`);
}
