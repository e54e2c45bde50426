/* SPDX-License-Identifier: MIT
 * The ways in which pages written for aria2 put their questions, with the habits that decide whether a daemon works for them.
 * An outcome is {data}, {error} or, for what such a page does not hear, {}. */
"use strict";

const NO_DAEMON = { message: "Cannot connect" };
const TOKEN_FREE = /^system\./;

/* An id that differs each time; base64, so it may end in "=". */
function newId() {
  return btoa("page_" + Date.now() + "_" + Math.random());
}

/* {jsonrpc, method, id, params}; params is left out when it is empty. */
function question(secret, method, params) {
  const all = secret && !TOKEN_FREE.test(method) ? ["token:" + secret, ...params] : params;
  return { jsonrpc: "2.0", method, id: newId(), ...(all.length > 0 && { params: all }) };
}

/* Over HTTP the status alone tells success from failure: an error in an answer of 200 goes unseen. */
class HttpWire {
  constructor(settings) {
    this.settings = settings;
    this.onstate = () => {};
  }

  async ask(q) {
    const { url, method, headers } = this.settings;
    let answer, body;
    try {
      answer = await (method === "GET" ? fetch(url + "?" + HttpWire.query(q), { headers })
        : fetch(url, { method, body: JSON.stringify(q), headers: { "Content-Type": "application/json", ...headers } }));
      body = await answer.json();
    } catch (e) {
      this.onstate("Disconnected");
      return { error: NO_DAEMON };
    }
    this.onstate("Connected");
    if (answer.ok && Array.isArray(body)) return { data: body };
    return answer.ok ? { data: body.result } : { error: body.error };
  }

  /* Only params is escaped; the = of the id is not. */
  static query(q) {
    if (Array.isArray(q)) return "params=" + encodeURIComponent(btoa(JSON.stringify(q)));
    const { params, ...rest } = q;
    const text = Object.entries(rest).map(([k, v]) => k + "=" + v);
    if (params) text.push("params=" + encodeURIComponent(btoa(JSON.stringify(params))));
    return text.join("&");
  }
}

/* Answers are found by their id and heard only when the result counts as true: 0 does not. What has no id is a notification. */
class SocketWire {
  constructor(settings) {
    this.settings = settings;
    this.onstate = this.onevent = () => {};
    this.waiting = new Map();
    this.open();
  }

  open() {
    this.socket = new WebSocket(this.settings.url);
    this.opened = new Promise((done) => {
      this.socket.onopen = () => {
        this.onstate("Connected");
        done(true);
      };
      this.socket.onclose = () => {
        done(false);
        this.closed();
      };
    });
    this.socket.onmessage = (m) => this.heard(JSON.parse(m.data));
  }

  closed() {
    this.onstate("Waiting to reconnect");
    for (const done of this.waiting.values()) done({ error: NO_DAEMON });
    this.waiting.clear();
    setTimeout(() => this.open(), this.settings.reconnect);
  }

  heard(m) {
    const key = Array.isArray(m) ? "batch" : m.id;
    const done = this.waiting.get(key);
    if (done) {
      this.waiting.delete(key);
      done(Array.isArray(m) ? { data: m } : m.result ? { data: m.result } : m.error ? { error: m.error } : {});
    } else if (m.method && !("id" in m)) {
      this.onevent(m.method, m.params[0]);
    }
  }

  async ask(q) {
    if (!await this.opened) return { error: NO_DAEMON };
    return new Promise((done) => {
      this.waiting.set(Array.isArray(q) ? "batch" : q.id, done);
      this.socket.send(JSON.stringify(q));
    });
  }
}

function wireTo(settings) {
  return settings.url.startsWith("ws") ? new SocketWire(settings) : new HttpWire(settings);
}
