/* SPDX-License-Identifier: MIT
 * A page that shows what a daemon says and does what the buttons of such pages do (window.ui). All that it sees stands in its
 * tables; a refused action leaves its text in #error. It refreshes until it is refused for its secret. */
"use strict";

const BASIC_KEYS = ["gid", "totalLength", "completedLength", "uploadSpeed", "downloadSpeed", "connections", "numSeeders",
  "seeder", "status", "errorCode", "verifiedLength", "verifyIntegrityPending"];
const FULL_KEYS = [...BASIC_KEYS, "files", "bittorrent", "infoHash"];
const ENDED = ["complete", "error", "removed"];
const LISTS = {
  downloading: ["aria2.tellActive", []],
  waiting: ["aria2.tellWaiting", [0, 1000]],
  stopped: ["aria2.tellStopped", [-1, 1000]], /* newest first */
};

const settings = { method: "POST", headers: {}, secret: "", refresh: 100, reconnect: 300,
  ...JSON.parse(decodeURIComponent(location.hash.slice(1))) };
const wire = wireTo(settings);
const rows = { downloading: null, waiting: null, stopped: null };
const $ = (id) => document.getElementById(id);

function show(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

function note(id, text) {
  $(id).append(Object.assign(document.createElement("li"), { textContent: text }));
}

function drawTable(id, lines) {
  $(id).replaceChildren(...lines.map((cells) => {
    const tr = document.createElement("tr");
    tr.append(...cells.map((c) => Object.assign(document.createElement("td"), { textContent: c })));
    return tr;
  }));
}

async function call(method, ...params) {
  const outcome = await wire.ask(question(settings.secret, method, params));
  if (outcome.error) show("error", outcome.error.message);
  return outcome;
}

/* The name is what stands behind the last "/" of the path; before the daemon knows a path, of the first URI. */
function nameOf(task) {
  const { path, uris } = task.files[0];
  return (path || decodeURI(uris[0].uri)).split("/").pop().split("?")[0];
}

/* A list asks for everything once, and again when it has other downloads or another order than it knew; else for the numbers. */
async function refreshList(name) {
  const [method, params] = LISTS[name];
  const known = rows[name];
  const { data } = await call(method, ...params, known ? BASIC_KEYS : FULL_KEYS);
  if (!data) return;
  if (known && (known.length !== data.length || data.some((task, i) => task.gid !== known[i].gid))) {
    rows[name] = null;
    return;
  }
  rows[name] = known ? data.map((task, i) => ({ ...known[i], ...task })) : data;
  drawTable(name, rows[name].map((t) =>
    [t.gid, nameOf(t), t.status, t.completedLength, t.totalLength, t.downloadSpeed, t.errorCode ?? ""]));
}

async function refresh() {
  const { data, error } = await call("aria2.getGlobalStat");
  if (error && error.message === "Unauthorized") return;
  if (data) {
    show("speed", data.downloadSpeed);
    show("counts", [data.numActive, data.numWaiting, data.numStopped].join("/"));
    for (const name of Object.keys(LISTS)) await refreshList(name);
  }
  setTimeout(refresh, settings.refresh);
}

/* The state of a download as it stands in its row. */
function shownState(gid) {
  return [...document.querySelectorAll("tr")].find((row) => row.cells[0].textContent === gid).cells[2].textContent;
}

/* What was done, and how it ended: in #done, for the caller, and as an Error when it was refused. */
async function act(method, ...params) {
  const { data, error } = await call(method, ...params);
  note("done", method + ": " + (error ? error.message : JSON.stringify(data)));
  if (error) throw new Error(error.message);
  return data;
}

const ui = {
  version: () => act("aria2.getVersion"),
  add: (url, options = {}) => act("aria2.addUri", [url], options),
  pause: (...gids) => Promise.all(gids.map((gid) => act("aria2.forcePause", gid))),
  start: (...gids) => Promise.all(gids.map((gid) => act("aria2.unpause", gid))),
  remove: (...gids) => Promise.all(gids.map((gid) =>
    act(ENDED.includes(shownState(gid)) ? "aria2.removeDownloadResult" : "aria2.forceRemove", gid))),
  drop: (gid, place) => act("aria2.changePosition", gid, place, "POS_SET"),
  clear: () => act("aria2.purgeDownloadResult"),
  limit: (gid, value) => act("aria2.changeOption", gid, { "max-download-limit": value }),
  set: (name, value) => act("aria2.changeGlobalOption", { [name]: value }),
  detail: (gid) => ui.many(["aria2.tellStatus", gid]).then(([[task]]) => task),
  /* Each inner call has a token of its own, methodName and params; the outer one has none. */
  many: (...calls) => act("system.multicall", calls.map(([method, ...params]) => {
    const q = question(settings.secret, method, params);
    return { methodName: q.method, params: q.params };
  })),
  /* A failed download is added anew, with all that getOption told of it. */
  async retry(gid) {
    const [[task], [options]] = await ui.many(["aria2.tellStatus", gid], ["aria2.getOption", gid]);
    return act("aria2.addUri", task.files[0].uris.map((u) => u.uri), options);
  },
  async settings() {
    const all = await act("aria2.getGlobalOption");
    drawTable("settings", Object.entries(all));
    return all;
  },
  /* As another page does it: everything in one multicall whose id never changes and whose entries may lack params. */
  webui: (...calls) => wire.ask({ jsonrpc: 2, id: "webui", method: "system.multicall", params: [calls] }),
  /* A batch as a library makes it: no jsonrpc, ids are numbers from 0. */
  batch: (...calls) => wire.ask(calls.map(([method, ...params], id) =>
    ({ "json-rpc": "2.0", id, method, params: settings.secret ? ["token:" + settings.secret, ...params] : params }))),
};

wire.onstate = (text) => show("state", text);
wire.onevent = async (method, { gid }) => {
  const name = method.replace("aria2.on", "");
  if (!/Complete|Error/.test(name)) {
    note("heard", name + " " + gid);
    return;
  }
  const { data } = await call("aria2.tellStatus", gid);
  note("heard", [name, gid, data ? data.status : "?"].join(" "));
};
call("aria2.getVersion").then(({ data }) => data && show("version", data.version));
refresh();
