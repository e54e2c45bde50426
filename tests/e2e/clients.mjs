// Drives the npm packages aria2 and maria2 against a daemon, over HTTP and over WebSocket.
// Usage: node clients.mjs PORT SECRET ORIGIN, run where the packages are installed. Prints "ok" at the end.
import assert from "node:assert";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [port, secret, origin] = process.argv.slice(2);
const require = createRequire(path.join(process.cwd(), "x.js"));
const Aria2 = require("aria2");
const load = (file) => import(pathToFileURL(path.join(process.cwd(), "node_modules/maria2/dist", file)));
const { open, aria2: m2, system } = await load("index.mjs");
const { createHTTP, createWebSocket } = await load("transport.mjs");
const file = origin + "/f/16K/a";
const until = async (what) => {
  for (let i = 0; i < 200; i++) {
    if (await what()) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  throw new Error("waited in vain");
};

async function useAria2(client, name) {
  const events = [];
  for (const n of await client.listNotifications()) client.on(n, ([e]) => events.push(n + " " + e.gid));
  assert((await client.listMethods()).includes("addUri"));
  assert.match((await client.call("getVersion")).version, /^\d+\.\d+/);
  const gid = await client.call("addUri", [file], { out: name });
  await until(async () => (await client.call("tellStatus", gid, ["status"])).status === "complete");
  const paused = await client.call("addUri", [file], { out: name + "2", pause: "true" });
  assert.equal(await client.call("changePosition", paused, 0, "POS_SET"), 0);
  const [stat, status] = await client.multicall([["getGlobalStat"], ["tellStatus", paused, ["gid", "status"]]]);
  assert.equal(stat[0].numActive, "0");
  assert.deepEqual(status[0], { gid: paused, status: "paused" });
  const batch = await client.batch([["unpause", paused], ["getVersion"], ["tellStatus", "zz"]]);
  assert.equal(await batch[0], paused);
  assert((await batch[1]).version);
  await assert.rejects(batch[2], /Invalid GID zz/);
  await until(async () => (await client.call("tellStatus", paused)).status === "complete");
  await assert.rejects(client.call("nothing"), /No such method: aria2.nothing/);
  await assert.rejects(client.call("addUri", [file], { split: "0" }), /processing the option '--split'/);
  return { gid, events };
}

async function useMaria2(conn, name) {
  assert.match((await m2.getVersion(conn)).version, /^\d+\.\d+/);
  const gid = await m2.addUri(conn, [file], { out: name });
  await until(async () => (await m2.tellStatus(conn, gid, ["status"])).status === "complete");
  assert((await m2.tellStopped(conn, 0, 100)).some((s) => s.gid === gid));
  assert.equal((await m2.getGlobalOption(conn))["max-concurrent-downloads"], "5");
  assert.equal(await m2.changeGlobalOption(conn, { "max-overall-download-limit": "0" }), "OK");
  const listed = await system.listMethods(conn);
  assert(listed.includes("aria2.tellWaiting"));
  return gid;
}

const client = new Aria2({ port, secret, host: "127.0.0.1" });
await useAria2(client, "a-http");
await client.open();
const { gid, events } = await useAria2(client, "a-ws");
assert.deepEqual(events.filter((e) => e.endsWith(gid)), ["onDownloadStart " + gid, "onDownloadComplete " + gid]);
await client.close();
const wrong = new Aria2({ port, secret: "wrong", host: "127.0.0.1" });
await assert.rejects(wrong.call("getVersion"), /Unauthorized/);

await useMaria2(await open(createHTTP(`http://127.0.0.1:${port}/jsonrpc`), { secret }), "m-http");
const conn = await open(createWebSocket(`ws://127.0.0.1:${port}/jsonrpc`), { secret });
const seen = [];
m2.when(conn, "aria2.onDownloadComplete", (e) => seen.push(e.gid));
const last = await useMaria2(conn, "m-ws");
await until(() => seen.includes(last));
console.log("ok");
process.exit(0);
